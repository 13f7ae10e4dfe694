// Package problem defines the one error type that may reach a client.
//
// A use case that refuses something returns a *Error: a kind (what sort of
// refusal), a stable code for programs and a Korean message for people.
// A database that does not serve is DATABASE_UNAVAILABLE. Every other error is a
// fault of ours; From turns it into INTERNAL_ERROR, whose text tells nothing
// about the inside.
package problem

import (
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/internal/pgerr"
)

// Kind is the sort of a refusal. Package httpjson maps it to an HTTP status.
type Kind uint8

// The kinds. The zero value is a fault of ours.
const (
	Internal Kind = iota
	Invalid
	Unauthenticated
	Forbidden
	NotFound
	MethodNotAllowed
	Conflict
	TooLarge
	UnsupportedMedia
	Unprocessable
	TooManyRequests
	Unavailable
)

// Error is a refusal that a client may see, with the exception of its cause.
// It is immutable: the With methods return changed copies, so that packages
// may keep ready-made values in variables.
type Error struct {
	Kind    Kind
	Code    string // stable, upper snake case English
	Message string // Korean, for people
	Details any    // optional, marshalled as it is
	// RetryAfter is when a retry makes sense; zero means the client is not told.
	RetryAfter time.Duration

	cause error
}

// New returns an Error without details.
func New(kind Kind, code, message string) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

// Error returns the code and the cause: a text for logs, never for clients.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.Code + ": " + e.cause.Error()
	}
	return e.Code
}

// Unwrap returns the cause, which is nil for a plain refusal.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an Error of the same code.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code
}

// WithCause returns a copy that remembers what led to it.
func (e *Error) WithCause(err error) *Error {
	c := *e
	c.cause = err
	return &c
}

// WithDetails returns a copy with details for the client.
func (e *Error) WithDetails(details any) *Error {
	c := *e
	c.Details = details
	return &c
}

// FieldErrors are the details of a refused form: a message for each field.
type FieldErrors struct {
	Fields map[string]string `json:"fieldErrors"`
}

// WithFields returns a copy whose details name what is wrong with each field.
func (e *Error) WithFields(fields map[string]string) *Error {
	return e.WithDetails(FieldErrors{Fields: fields})
}

// After returns a copy that tells the client to retry after d.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// Refusals that any service may return.
var (
	ErrInternal   = New(Internal, "INTERNAL_ERROR", "일시적인 오류가 발생했습니다. 잠시 후 다시 시도해 주세요.")
	ErrValidation = New(Invalid, "VALIDATION_ERROR", "입력값이 올바르지 않습니다.")
	ErrNotFound   = New(NotFound, "NOT_FOUND", "요청한 대상을 찾을 수 없습니다.")
	ErrDatabase   = New(Unavailable, "DATABASE_UNAVAILABLE", "일시적으로 서비스를 이용할 수 없습니다. 잠시 후 다시 시도해 주세요.").After(2 * time.Second)
	ErrOverloaded = New(Unavailable, "OVERLOADED", "요청이 많습니다. 잠시 후 다시 시도해 주세요.").After(time.Second)
)

// From returns err as an Error: itself if it is one, ErrDatabase with err as its
// cause if the database did not serve or a deadline passed, ErrInternal with err
// as its cause if not, nil for nil. Storage packages need not translate what
// pgerr.Unavailable reports: this is the place that does.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if pgerr.Unavailable(err) {
		return ErrDatabase.WithCause(err)
	}
	return ErrInternal.WithCause(err)
}
