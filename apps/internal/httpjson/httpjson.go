// Package httpjson reads and writes the JSON of the public API: strict
// requests in, one envelope for answers and one for failures out.
package httpjson

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Handler is an http.Handler whose errors are answered with the failure
// envelope. It must not return an error once it has written.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP calls h and answers its error, if any, with Fail.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h(w, r); err != nil {
		Fail(w, r, err)
	}
}

type success struct {
	Success bool   `json:"success"`
	Data    any    `json:"data"`
	Message string `json:"message"`
}

// Success writes data in the success envelope. Message is Korean text for
// people.
func Success(w http.ResponseWriter, status int, data any, message string) error {
	return Write(w, status, success{Success: true, Data: data, Message: message})
}

// Write writes v as JSON. Nothing is written if v cannot be marshalled.
func Write(w http.ResponseWriter, status int, v any) error {
	var body bytes.Buffer
	if err := json.NewEncoder(&body).Encode(v); err != nil {
		return fmt.Errorf("marshal answer: %w", err)
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	if header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", "no-store") // nearly all we say is personal
	}
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a client that went away is no fault of ours
	return nil
}

type failure struct {
	Success bool         `json:"success"`
	Error   failureError `json:"error"`
	Message string       `json:"message"` // the existing client reads it here
}

type failureError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Details any    `json:"details,omitempty"`
	TraceID string `json:"traceId"`
}

// status is the one place that says which HTTP status a kind has.
var status = map[problem.Kind]int{
	problem.Internal:         http.StatusInternalServerError,
	problem.Invalid:          http.StatusBadRequest,
	problem.Unauthenticated:  http.StatusUnauthorized,
	problem.Forbidden:        http.StatusForbidden,
	problem.NotFound:         http.StatusNotFound,
	problem.MethodNotAllowed: http.StatusMethodNotAllowed,
	problem.Conflict:         http.StatusConflict,
	problem.TooLarge:         http.StatusRequestEntityTooLarge,
	problem.UnsupportedMedia: http.StatusUnsupportedMediaType,
	problem.Unprocessable:    http.StatusUnprocessableEntity,
	problem.TooManyRequests:  http.StatusTooManyRequests,
	problem.Unavailable:      http.StatusServiceUnavailable,
}

// statusClientClosed is nginx's code for a client that left before its answer.
const statusClientClosed = 499

// Fail answers err with the failure envelope and notes it in the request's log
// record, as an error if it is a fault on our side of the line.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		w.WriteHeader(statusClientClosed) // nobody reads it; logs and metrics do
		return
	}
	p := problem.From(err)
	if observe, ok := r.Context().Value(observerKey{}).(Observer); ok {
		observe(r, p)
	}
	code := status[p.Kind]
	telemetry.Annotate(r.Context(), slog.String("code", p.Code))
	if code >= http.StatusInternalServerError && !byDesign(p) {
		telemetry.Fault(r.Context(), p)
	}
	SetFailureHeaders(w.Header(), p)
	// The envelope of a problem always marshals unless its details do not.
	if Write(w, code, envelope(r, p)) != nil {
		_ = Write(w, code, envelope(r, p.WithDetails(nil)))
	}
}

// byDesign reports whether p is no fault though the client is told to come back:
// it has no cause, such as a queue that is full or work that goes on.
func byDesign(p *problem.Error) bool {
	return p.Kind == problem.Unavailable && p.Unwrap() == nil
}

// Observer is told of a request that is about to be refused. It must not wait.
type Observer func(r *http.Request, p *problem.Error)

type observerKey struct{}

// WithObserver returns a context of a request whose refusals observe is told of.
func WithObserver(ctx context.Context, observe Observer) context.Context {
	return context.WithValue(ctx, observerKey{}, observe)
}

func envelope(r *http.Request, p *problem.Error) failure {
	return failure{
		Error: failureError{
			Code: p.Code, Message: p.Message, Details: p.Details,
			TraceID: telemetry.TraceID(r.Context()),
		},
		Message: p.Message,
	}
}

// SetFailureHeaders sets what the headers of an answer say about p: when to retry,
// how to authenticate, what is taken instead.
func SetFailureHeaders(header http.Header, p *problem.Error) {
	if p.RetryAfter > 0 {
		seconds := math.Ceil(float64(p.RetryAfter) / float64(time.Second))
		header.Set("Retry-After", strconv.FormatFloat(seconds, 'f', 0, 64))
	}
	switch {
	case p.Kind == problem.Unauthenticated && header.Get("WWW-Authenticate") == "":
		header.Set("WWW-Authenticate", "Bearer") // RFC 9110, section 11.6.1
	case errors.Is(p, ErrMediaType):
		header.Set("Accept", "application/json") // RFC 9110, section 15.5.16
	case errors.Is(p, ErrEncoding):
		header.Set("Accept-Encoding", "identity")
	}
}
