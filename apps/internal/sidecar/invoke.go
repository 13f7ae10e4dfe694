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

// Reason says why a call did not reach the other app, or was given up.
type Reason string

// The reasons, as the sidecar's texts tell them apart.
const (
	BreakerOpen Reason = "breaker open"
	Timeout     Reason = "timeout"
	Refused     Reason = "refused" // by access control
	Unreachable Reason = "unreachable"
)

// InvokeError is a failure of the call itself, never an answer of the other
// app. Unless its Reason is BreakerOpen or Refused, the other app may have
// done what it was asked.
type InvokeError struct {
	App    string
	Reason Reason
	Cause  error
}

// Error names the app and the reason.
func (e *InvokeError) Error() string {
	return fmt.Sprintf("invoke %s: %s: %v", e.App, e.Reason, e.Cause)
}

// Unwrap returns what the sidecar or the network said.
func (e *InvokeError) Unwrap() error { return e.Cause }

// Invoker returns a transport whose requests go to the app called appID
// through the sidecar, whatever host their URL names. Any status the app
// answers with is passed on; what the sidecar itself says becomes an
// *InvokeError.
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

// invokeTimeout bounds a call to a sidecar that does not answer at all. It is
// longer than all attempts together that resiliency/ makes.
const invokeTimeout = 8 * time.Second

// maxAnswer bounds an answer, in bytes: it is the most that a sidecar takes.
const maxAnswer = 4 << 20

// RoundTrip returns the whole answer, which was read by the time it returns.
// When the request's context ends it returns at once, but the call goes on; see
// detach.
func (i *invoker) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := detach(r.Context(), invokeTimeout, func(ctx context.Context) (*http.Response, error) {
		return i.call(r.WithContext(ctx))
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

// call sends r to the sidecar and reads the answer.
func (i *invoker) call(r *http.Request) (*http.Response, error) {
	resp, err := i.next.RoundTrip(i.redirect(r))
	if err != nil {
		return nil, i.unanswered(r.Context(), err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errors.New("answer is too large")
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
	return out
}

// failure returns what the sidecar itself reports, which it marks with an error
// code in the body, or nil for an answer of the app.
func (i *invoker) failure(status int, body []byte) error {
	if status < http.StatusBadRequest {
		return nil
	}
	var said struct{ ErrorCode, Message string }
	_ = json.Unmarshal(body, &said) // what is not JSON has no such code
	if !strings.HasPrefix(said.ErrorCode, "ERR_") {
		return nil
	}
	return &InvokeError{App: i.app, Reason: reason(status, said.Message), Cause: fmt.Errorf("%s: %s", said.ErrorCode, said.Message)}
}

// reason reads the sidecar's text: it answers 500 to nearly everything.
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
