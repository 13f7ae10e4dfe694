// Package pathvalue parses path variables. Text that is not the canonical form of a
// value is rejected before it can become a key of a store, an argument of a
// statement or a part of another request.
package pathvalue

import (
	"errors"
	"net/http"

	"github.com/google/uuid"
	"github.com/gorilla/mux"
)

// Get parses the path variable name with parse. It returns the error invalid if
// parse fails.
func Get[T any](r *http.Request, name string, parse func(text string) (T, error), invalid error) (T, error) {
	value, err := parse(mux.Vars(r)[name])
	if err != nil {
		var zero T
		return zero, invalid
	}
	return value, nil
}

// UUID returns the path variable name. It returns the error invalid if that is not
// a canonical UUID.
func UUID(r *http.Request, name string, invalid error) (string, error) {
	return Get(r, name, ParseUUID, invalid)
}

// ErrUUID is returned for text that is not a canonical UUID.
var ErrUUID = errors.New("pathvalue: want a canonical UUID")

// ParseUUID returns text if it is a UUID in the form of RFC 9562, section 4, in
// lower case: 36 characters, no braces, no URN. Otherwise it returns ErrUUID.
func ParseUUID(text string) (string, error) {
	parsed, err := uuid.Parse(text)
	if err != nil || parsed.String() != text {
		return "", ErrUUID
	}
	return text, nil
}
