// Package problem defines the only error type that clients see.
//
// A use case returns a *Error: a kind, a stable code for programs and a Korean
// message for users. From converts all other errors, to DATABASE_UNAVAILABLE if the
// database is unavailable and otherwise to INTERNAL_ERROR, so that no internal text
// reaches a client.
package problem

import (
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/internal/pgerr"
)

// Kind is the kind of an error. Package httpjson maps it to an HTTP status.
type Kind uint8

// The kinds. The zero value is an internal error.
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

// Error is an error that clients may see, except for its cause. It is immutable:
// the With methods return changed copies, so that packages can declare errors as
// variables.
type Error struct {
	Kind    Kind
	Code    string // stable, upper snake case English
	Message string // Korean, for users
	Details any    // optional, marshalled as JSON
	// RetryAfter is the value of the Retry-After header; 0 omits it.
	RetryAfter time.Duration

	cause error
}

// New returns an Error without details.
func New(kind Kind, code, message string) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

// Error returns the code and the cause, for logs only.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.Code + ": " + e.cause.Error()
	}
	return e.Code
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an Error with the same code.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code
}

// WithCause returns a copy with err as its cause.
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

// FieldErrors are the details of a validation error: a message for each field.
type FieldErrors struct {
	Fields map[string]string `json:"fieldErrors"`
}

// WithFields returns a copy whose details are FieldErrors.
func (e *Error) WithFields(fields map[string]string) *Error {
	return e.WithDetails(FieldErrors{Fields: fields})
}

// After returns a copy with d as RetryAfter.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// Errors that any service may return.
var (
	ErrInternal   = New(Internal, "INTERNAL_ERROR", "일시적인 오류가 발생했습니다. 잠시 후 다시 시도해 주세요.")
	ErrValidation = New(Invalid, "VALIDATION_ERROR", "입력값이 올바르지 않습니다.")
	ErrNotFound   = New(NotFound, "NOT_FOUND", "요청한 대상을 찾을 수 없습니다.")
	ErrDatabase   = New(Unavailable, "DATABASE_UNAVAILABLE", "일시적으로 서비스를 이용할 수 없습니다. 잠시 후 다시 시도해 주세요.").After(2 * time.Second)
	ErrOverloaded = New(Unavailable, "OVERLOADED", "요청이 많습니다. 잠시 후 다시 시도해 주세요.").After(time.Second)
)

// From returns err as an Error: the Error that err wraps if there is one, else
// ErrDatabase if the database was unavailable or a deadline has passed
// (pgerr.Unavailable), else ErrInternal, both with err as their cause. It returns nil
// for nil.
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
