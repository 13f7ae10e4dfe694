// Package httpjson decodes requests of the public API strictly and encodes
// responses in its envelopes, one for success and one for failure.
package httpjson

import (
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

// Handler is an http.Handler that may return an error, which is answered with the
// failure envelope. It must not return an error after it has written a response.
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

// Success writes data in the success envelope. Message is a Korean text for users.
func Success(w http.ResponseWriter, status int, data any, message string) error {
	return Write(w, status, success{Success: true, Data: data, Message: message})
}

// Members are the members of a JSON object, without its braces.
type Members []byte

// Encode returns the members of v, a struct with at least one.
func Encode(v any) (Members, error) {
	object, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("marshal answer: %w", err)
	}
	return object[1 : len(object)-1], nil
}

// SuccessWith is Success with an object as data: the members of head, a struct with at
// least one, followed by those of tail, which are not encoded again.
func SuccessWith(w http.ResponseWriter, status int, head any, tail Members, message string) error {
	body := buffer()
	defer release(body)
	encoder := json.NewEncoder(body)
	body.WriteString(`{"success":true,"data":`)
	if err := encoder.Encode(head); err != nil {
		return fmt.Errorf("marshal answer: %w", err)
	}
	body.Truncate(body.Len() - len("}\n"))
	body.WriteByte(',')
	body.Write(tail)
	body.WriteString(`},"message":`)
	if err := encoder.Encode(message); err != nil {
		return fmt.Errorf("marshal answer: %w", err)
	}
	body.Truncate(body.Len() - len("\n"))
	body.WriteString("}\n")
	write(w, status, body.Bytes())
	return nil
}

// Write writes v as JSON. If v cannot be marshalled, it writes nothing and returns
// an error.
func Write(w http.ResponseWriter, status int, v any) error {
	body := buffer()
	defer release(body)
	if err := json.NewEncoder(body).Encode(v); err != nil {
		return fmt.Errorf("marshal answer: %w", err)
	}
	write(w, status, body.Bytes())
	return nil
}

// Values of headers. They are shared and must not be modified.
var (
	contentType  = []string{mediaType}
	cacheControl = []string{"no-store"} // nearly all responses hold personal data
)

func write(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header["Content-Type"] = contentType
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if header.Get("Cache-Control") == "" {
		header["Cache-Control"] = cacheControl
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // fails only if the client has disconnected
}

type failure struct {
	Success bool         `json:"success"`
	Error   failureError `json:"error"`
	Message string       `json:"message"` // read here by the existing client
}

type failureError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Details any    `json:"details,omitempty"`
	TraceID string `json:"traceId"`
}

// status maps the kind of a problem to its HTTP status.
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

// statusClientClosed is nginx's status for a client that closed the connection
// before the response.
const statusClientClosed = 499

// Fail answers err with the failure envelope and adds it to the request's log
// record, at level ERROR if the fault is the server's.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		w.WriteHeader(statusClientClosed) // for log and metrics only
		return
	}
	p := problem.From(err)
	if observer := ObserverOf(r.Context()); observer != nil {
		observer.Failed(r, p)
	}
	code := status[p.Kind]
	telemetry.Annotate(r.Context(), slog.String("code", p.Code))
	if code >= http.StatusInternalServerError && !byDesign(p) {
		telemetry.RecordError(r.Context(), p)
	}
	SetFailureHeaders(w.Header(), p)
	// Only the details of a problem can be unmarshallable.
	if Write(w, code, envelope(r, p)) != nil {
		_ = Write(w, code, envelope(r, p.WithDetails(nil)))
	}
}

// byDesign reports whether p is a 503 that is not a fault: it has no cause, as for
// a full queue or work in progress.
func byDesign(p *problem.Error) bool {
	return p.Kind == problem.Unavailable && p.Unwrap() == nil
}

// Observer observes the failures of a request.
type Observer interface {
	// Failed is called by Fail before it answers r with p. It must not block.
	Failed(r *http.Request, p *problem.Error)
}

type observerKey struct{}

// WithObserver returns a context that makes Fail call observer.
func WithObserver(ctx context.Context, observer Observer) context.Context {
	return context.WithValue(ctx, observerKey{}, observer)
}

// ObserverOf returns the observer of ctx, or nil.
func ObserverOf(ctx context.Context) Observer {
	observer, _ := ctx.Value(observerKey{}).(Observer)
	return observer
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

// SetFailureHeaders sets the response headers for p: Retry-After,
// WWW-Authenticate, Accept and Accept-Encoding, as far as they apply.
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
