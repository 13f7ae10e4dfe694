// Package bearer reads bearer tokens from requests.
package bearer

import (
	"errors"
	"net/http"
	"regexp"
)

// Errors of Token.
var (
	ErrNone      = errors.New("bearer: no Authorization header")
	ErrMalformed = errors.New("bearer: want one Authorization header with a bearer token")
)

// pattern is the syntax of RFC 6750, section 2.1, with the scheme in any case and
// any white space (RFC 9110, section 11.4).
var pattern = regexp.MustCompile(`^[ \t]*(?i:bearer)[ \t]+([A-Za-z0-9._~+/-]+=*)[ \t]*$`)

// Token returns the token of the Authorization header. It returns ErrNone if there
// is no such header, and ErrMalformed if there are several or it has no token.
func Token(header http.Header) (string, error) {
	values := header.Values("Authorization")
	if len(values) == 0 {
		return "", ErrNone
	}
	if len(values) > 1 {
		return "", ErrMalformed
	}
	found := pattern.FindStringSubmatch(values[0])
	if found == nil {
		return "", ErrMalformed
	}
	return found[1], nil
}
