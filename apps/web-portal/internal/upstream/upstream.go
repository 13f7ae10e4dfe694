// Package upstream calls auth-service, bill-inquiry-service and product-change-service
// through the sidecar, on behalf of a customer.
package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Client calls the services. Its transports send requests through the sidecar.
type Client struct {
	Auth, Bills, Products http.RoundTripper
}

// call is a request of a service.
type call struct {
	method, path, token string
	body                any
	header              http.Header
}

// preferAsync makes a service answer 202 instead of waiting longer for KOS. The whole call
// takes less than a try of resiliency/web-portal.yaml.
const preferAsync = "respond-async, wait=1"

// prefer returns the header of a call that may need KOS.
func prefer() http.Header { return http.Header{"Prefer": {preferAsync}} }

// reply is an answer with a status below 400.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// userAgentKey is the context key of the browser's User-Agent.
type userAgentKey struct{}

// WithUserAgent returns a context whose calls carry the browser's User-Agent, which the
// list of sessions shows.
func WithUserAgent(ctx context.Context, userAgent string) context.Context {
	return context.WithValue(ctx, userAgentKey{}, userAgent)
}

// send makes a call. A failure is a *Failure.
func send(ctx context.Context, service http.RoundTripper, c call) (reply, error) {
	r, err := c.request(ctx)
	if err != nil {
		return reply{}, err
	}
	resp, err := service.RoundTrip(r)
	if err != nil {
		return reply{}, unreachable(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return reply{}, unreachable(ctx, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return reply{}, refused(resp, body.Bytes())
	}
	return reply{resp.StatusCode, resp.Header, body.Bytes()}, nil
}

func (c call) request(ctx context.Context) (*http.Request, error) {
	var body []byte
	if c.body != nil {
		encoded, err := json.Marshal(c.body)
		if err != nil {
			return nil, fmt.Errorf("upstream: %w", err)
		}
		body = encoded
	}
	r, err := http.NewRequestWithContext(ctx, c.method, "http://service"+c.path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	if c.header != nil {
		r.Header = c.header
	}
	if c.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if userAgent, _ := ctx.Value(userAgentKey{}).(string); userAgent != "" {
		r.Header.Set("User-Agent", userAgent)
	}
	if client := httpserver.ClientAddr(ctx); client.IsValid() {
		r.Header.Set("X-Forwarded-For", client.String()) // the throttles of auth-service count by client
	}
	return r, nil
}

// data decodes the envelope of the bill and product services.
func data[T any](answer reply, err error) (T, error) {
	var envelope struct{ Data T }
	if err != nil {
		return envelope.Data, err
	}
	return envelope.Data, decode(answer.body, &envelope)
}

// flat decodes an answer of auth-service.
func flat[T any](answer reply, err error) (T, error) {
	var value T
	if err != nil {
		return value, err
	}
	return value, decode(answer.body, &value)
}

func decode(body []byte, value any) error {
	if err := json.Unmarshal(body, value); err != nil {
		return &Failure{Status: http.StatusBadGateway, Code: CodeUnreachable, cause: err}
	}
	return nil
}

// Codes of failures that the portal treats specially.
const (
	CodeUnreachable     = "SERVICE_UNREACHABLE" // of this package; the others are the services'
	CodeUnauthenticated = "UNAUTHENTICATED"
)

// Failure is a refusal of a service, or a call without an answer.
type Failure struct {
	Status     int
	Code       string
	Message    string // Korean, for customers; empty if the service has not answered
	RetryAfter time.Duration
	Fields     map[string]string
	Checks     []Check
	TraceID    string

	cause error
}

// Error returns status and code, for logs.
func (f *Failure) Error() string { return fmt.Sprintf("upstream: %d %s", f.Status, f.Code) }

// Unwrap returns the cause of a call without an answer, or nil.
func (f *Failure) Unwrap() error { return f.cause }

// Temporary reports whether a repeat may succeed.
func (f *Failure) Temporary() bool {
	return f.Status >= http.StatusInternalServerError || f.Status == http.StatusTooManyRequests
}

// AsFailure returns the failure that err wraps, or a failure for any other error.
func AsFailure(err error) *Failure {
	if failure, ok := errors.AsType[*Failure](err); ok {
		return failure
	}
	return &Failure{Status: http.StatusInternalServerError, Code: "INTERNAL_ERROR", cause: err}
}

// Is reports whether err is a failure with one of the codes.
func Is(err error, codes ...string) bool {
	failure, ok := errors.AsType[*Failure](err)
	if !ok {
		return false
	}
	for _, code := range codes {
		if failure.Code == code {
			return true
		}
	}
	return false
}

// retryAfter is the pause before the repeat of a call without an answer.
const retryAfter = 5 * time.Second

func unreachable(ctx context.Context, err error) error {
	if ctx.Err() == nil { // otherwise the customer has left
		telemetry.RecordError(ctx, err)
	}
	status := http.StatusServiceUnavailable
	if call, ok := errors.AsType[*sidecar.InvokeError](err); ok && call.Reason == sidecar.Timeout {
		status = http.StatusGatewayTimeout
	}
	return &Failure{Status: status, Code: CodeUnreachable, RetryAfter: retryAfter, cause: err}
}

func refused(resp *http.Response, body []byte) error {
	var envelope struct {
		Error struct {
			Code, Message, TraceID string
			Details                struct {
				FieldErrors       map[string]string
				ValidationDetails []Check
			}
		}
	}
	_ = json.Unmarshal(body, &envelope) // a body of another format has no code
	failure := &Failure{
		Status: resp.StatusCode, Code: envelope.Error.Code, Message: envelope.Error.Message, TraceID: envelope.Error.TraceID,
		Fields: envelope.Error.Details.FieldErrors, Checks: envelope.Error.Details.ValidationDetails,
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		failure.RetryAfter = time.Duration(seconds) * time.Second
	}
	return failure
}
