// Package pathvalue reads the variables of paths as values of their own types.
// Text that is not exactly the one form of a value never becomes a key of a
// store, a parameter of a statement, or part of another request.
package pathvalue

import (
	"errors"
	"net/http"

	"github.com/google/uuid"
	"github.com/gorilla/mux"
)

// Get returns what parse makes of the variable called name, or invalid if parse
// fails.
func Get[T any](r *http.Request, name string, parse func(text string) (T, error), invalid error) (T, error) {
	value, err := parse(mux.Vars(r)[name])
	if err != nil {
		var none T
		return none, invalid
	}
	return value, nil
}

// UUID returns the variable called name, which is a canonical UUID, or invalid
// if it is none.
func UUID(r *http.Request, name string, invalid error) (string, error) {
	return Get(r, name, ParseUUID, invalid)
}

// ErrUUID is returned for text that is no canonical UUID.
var ErrUUID = errors.New("pathvalue: want a canonical UUID")

// ParseUUID returns text if it is a UUID as RFC 9562, section 4, writes it, in
// lower case: 36 characters, no braces, no URN. It returns ErrUUID.
func ParseUUID(text string) (string, error) {
	parsed, err := uuid.Parse(text)
	if err != nil || parsed.String() != text {
		return "", ErrUUID
	}
	return text, nil
}
