// Package msisdn parses and masks Korean line numbers (MSISDNs in national form).
// All services use it, so that logs mask them in the same way.
package msisdn

import (
	"errors"
	"log/slog"
	"regexp"
	"strings"
)

// Number is the digits of a line number, for instance "01012345678". String and
// LogValue mask it, so that logs and errors never contain the full number.
type Number string

// ErrFormat is returned for text that is not a Korean mobile number.
var ErrFormat = errors.New("msisdn: want 010 and eight digits, with or without dashes")

// Since 2021 all mobile numbers begin with 010.
var pattern = regexp.MustCompile(`^010(?:[0-9]{8}|-[0-9]{4}-[0-9]{4})$`)

// Parse accepts "01012345678" and "010-1234-5678" and returns the digits. It
// returns ErrFormat for anything else.
func Parse(text string) (Number, error) {
	if !pattern.MatchString(text) {
		return "", ErrFormat
	}
	return Number(strings.ReplaceAll(text, "-", "")), nil
}

// Digits returns the full number, for storage and for its owner.
func (n Number) Digits() string { return string(n) }

// Digits returns the full numbers of lines, for storage.
func Digits(lines []Number) []string {
	texts := make([]string, len(lines))
	for i, line := range lines {
		texts[i] = line.Digits()
	}
	return texts
}

// Masked returns the number with its middle hidden: "010-****-5678".
func (n Number) Masked() string {
	const hidden = "****"
	if len(n) != 11 {
		return hidden
	}
	return string(n[:3]) + "-" + hidden + "-" + string(n[7:])
}

// String returns the masked form.
func (n Number) String() string { return n.Masked() }

// LogValue returns the masked form.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.Masked()) }
