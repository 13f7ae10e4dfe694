// Package bearer reads bearer tokens from requests.
package bearer

import (
	"errors"
	"net/http"
	"strings"
)

// Errors of Token.
var (
	ErrNone      = errors.New("bearer: no Authorization header")
	ErrMalformed = errors.New("bearer: want one Authorization header with a bearer token")
)

const (
	scheme     = "bearer"
	whiteSpace = " \t"
)

// Token returns the token of the Authorization header. It returns ErrNone if there
// is no such header, and ErrMalformed if there are several or it has no token. The
// scheme may have any case, and there may be any white space (RFC 9110, section 11.4).
func Token(header http.Header) (string, error) {
	values := header.Values("Authorization")
	if len(values) == 0 {
		return "", ErrNone
	}
	if len(values) > 1 {
		return "", ErrMalformed
	}
	text := strings.Trim(values[0], whiteSpace)
	if len(text) < len(scheme) || !strings.EqualFold(text[:len(scheme)], scheme) {
		return "", ErrMalformed
	}
	spaced := text[len(scheme):]
	token := strings.TrimLeft(spaced, whiteSpace)
	if len(token) == len(spaced) || !isToken(token) {
		return "", ErrMalformed
	}
	return token, nil
}

// isToken reports whether text has the syntax of RFC 6750, section 2.1: one or more
// of its characters, and any number of "=".
func isToken(text string) bool {
	text = strings.TrimRight(text, "=")
	for i := range len(text) {
		c := text[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("._~+/-", c) < 0 {
			return false
		}
	}
	return text != ""
}
