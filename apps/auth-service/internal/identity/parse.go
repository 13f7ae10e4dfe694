package identity

import (
	"errors"
	"regexp"
	"slices"
)

// ErrFormat is returned for text of the wrong format.
var ErrFormat = errors.New("identity: not of the form")

// ParseUserID returns text if it is a well-formed user id, otherwise ErrFormat.
func ParseUserID(text string) (string, error) {
	if !idPattern.MatchString(text) {
		return "", ErrFormat
	}
	return text, nil
}

// sessionIDPattern matches the output of rand.Text.
var sessionIDPattern = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// ParseSessionID returns text if it is a well-formed session id, otherwise ErrFormat. The id
// becomes a key of the state store, where "||" is a separator.
func ParseSessionID(text string) (string, error) {
	if !sessionIDPattern.MatchString(text) {
		return "", ErrFormat
	}
	return text, nil
}

// ParsePermission returns text if it is the code of a permission, otherwise ErrFormat.
func ParsePermission(text string) (string, error) {
	if !slices.Contains([]string{PermissionAdmin, PermissionBillInquiry, PermissionProductChange}, text) {
		return "", ErrFormat
	}
	return text, nil
}
