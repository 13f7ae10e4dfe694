package sidecar

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Reason is the reason of an InvokeError.
type Reason string

// The reasons, as far as the sidecar's messages distinguish them.
const (
	BreakerOpen Reason = "breaker open"
	Timeout     Reason = "timeout"
	Refused     Reason = "refused" // by access control
	Unreachable Reason = "unreachable"
)

// InvokeError is a failure of the call itself, not a response of the called app.
// Unless its Reason is BreakerOpen or Refused, the app may have handled the request.
type InvokeError struct {
	App    string
	Reason Reason
	Cause  error
}

// Error names the app and the reason.
func (e *InvokeError) Error() string {
	return fmt.Sprintf("invoke %s: %s: %v", e.App, e.Reason, e.Cause)
}

// Unwrap returns the error of the sidecar or the network.
func (e *InvokeError) Unwrap() error { return e.Cause }

// Invoker returns a transport that sends all requests to the app appID through the
// sidecar; the host of their URLs is ignored. It returns responses of the app with
// any status. Errors of the sidecar itself are *InvokeError.
func (c *Client) Invoker(appID string) http.RoundTripper {
	return &invoker{
		app:     appID,
		address: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.cfg.HTTPPort)),
		token:   c.cfg.Token,
		next:    c.http,
	}
}

type invoker struct {
	app, address, token string
	next                http.RoundTripper
}

// invokeTimeout is the timeout of a call. It is longer than all attempts of
// resiliency/ together.
const invokeTimeout = 8 * time.Second

// maxAnswer is the maximum size of a response in bytes, the sidecar's own limit.
const maxAnswer = 4 << 20

// RoundTrip implements http.RoundTripper. It reads the whole body. When the
// request's context ends it returns, but the call continues; see detach. The request's
// Pattern names its path in traces, without ids.
func (i *invoker) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := detach(r.Context(), invokeTimeout, func(ctx context.Context) (*http.Response, error) {
		return traceInvocation(i.app, r.WithContext(ctx), i.call)
	})
	if err == nil {
		resp.Request = r
		return resp, nil
	}
	if r.Context().Err() != nil {
		return nil, &InvokeError{App: i.app, Reason: Timeout, Cause: r.Context().Err()}
	}
	return nil, err
}

// call sends r to the sidecar and reads the response.
func (i *invoker) call(r *http.Request) (*http.Response, error) {
	resp, err := i.next.RoundTrip(i.redirect(r))
	if err != nil {
		return nil, i.unanswered(r.Context(), err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errors.New("response too large")
	}
	if err != nil {
		return nil, i.unanswered(r.Context(), err)
	}
	if err := i.failure(resp.StatusCode, body); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

func (i *invoker) unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &InvokeError{App: i.app, Reason: Timeout, Cause: ctx.Err()}
	}
	return &InvokeError{App: i.app, Reason: Unreachable, Cause: err}
}

// redirect returns r addressed to the sidecar.
func (i *invoker) redirect(r *http.Request) *http.Request {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.Host = "http", i.address, i.address
	out.Header.Set("dapr-app-id", i.app)
	if i.token != "" {
		out.Header.Set(tokenHeader, i.token)
	}
	telemetry.Inject(r.Context(), propagation.HeaderCarrier(out.Header))
	replaceNoText(out.Header)
	return out
}

// replaceNoText replaces bytes of header values that are not UTF-8 by U+FFFD. HTTP allows them, but
// sidecars send headers to each other as texts, and fail a call that has others.
func replaceNoText(header http.Header) {
	for _, values := range header {
		for i, value := range values {
			values[i] = strings.ToValidUTF8(value, "\uFFFD")
		}
	}
}

// failure returns an InvokeError if the response is an error of the sidecar itself,
// which has an error code in the body, or nil for a response of the app.
func (i *invoker) failure(status int, body []byte) error {
	if status < http.StatusBadRequest {
		return nil
	}
	var report struct{ ErrorCode, Message string }
	_ = json.Unmarshal(body, &report) // a body of the app may be anything
	if !strings.HasPrefix(report.ErrorCode, "ERR_") {
		return nil
	}
	return &InvokeError{App: i.app, Reason: reason(status, report.Message), Cause: fmt.Errorf("%s: %s", report.ErrorCode, report.Message)}
}

// reason derives the reason from the sidecar's message, as nearly all its errors have
// the status 500.
func reason(code int, message string) Reason {
	switch {
	case code == http.StatusForbidden, code == http.StatusUnauthorized:
		return Refused
	case strings.Contains(message, "circuit breaker is open"), strings.HasSuffix(message, "too many requests"):
		return BreakerOpen
	case strings.Contains(message, "deadline exceeded"):
		return Timeout
	}
	return Unreachable
}
