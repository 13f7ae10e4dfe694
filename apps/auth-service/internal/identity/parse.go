package identity

import (
	"errors"
	"regexp"
	"slices"
)

// ErrFormat is returned for text that is not of the form that is asked for.
var ErrFormat = errors.New("identity: not of the form")

// ParseUserID returns text if it has the form of a user id, or ErrFormat.
func ParseUserID(text string) (string, error) {
	if !idPattern.MatchString(text) {
		return "", ErrFormat
	}
	return text, nil
}

// sessionIDPattern is what rand.Text returns.
var sessionIDPattern = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// ParseSessionID returns text if it has the form of a session id, or ErrFormat:
// the id becomes a key of the state store, whose own keys contain "||".
func ParseSessionID(text string) (string, error) {
	if !sessionIDPattern.MatchString(text) {
		return "", ErrFormat
	}
	return text, nil
}

// ParsePermission returns text if it is the code of a permission, or ErrFormat.
func ParsePermission(text string) (string, error) {
	if !slices.Contains([]string{PermissionAdmin, PermissionBillInquiry, PermissionProductChange}, text) {
		return "", ErrFormat
	}
	return text, nil
}
