// Package msisdn handles Korean mobile line numbers (MSISDNs in national
// form). It is shared because masking them in logs is everybody's duty and
// must be done one way.
package msisdn

import (
	"errors"
	"log/slog"
	"regexp"
	"strings"
)

// Number is a line number as digits, for instance "01012345678". It never
// prints itself in full: String, and with it every log and error, is masked.
type Number string

// ErrFormat is returned for text that is no Korean mobile number.
var ErrFormat = errors.New("msisdn: want 010 and eight digits, with or without dashes")

// Only 010 numbers exist since the 2021 end of the 01X ranges.
var pattern = regexp.MustCompile(`^010(?:[0-9]{8}|-[0-9]{4}-[0-9]{4})$`)

// Parse accepts "01012345678" and "010-1234-5678" and returns the digits. It
// returns ErrFormat for anything else.
func Parse(text string) (Number, error) {
	if !pattern.MatchString(text) {
		return "", ErrFormat
	}
	return Number(strings.ReplaceAll(text, "-", "")), nil
}

// Digits returns the full number, for storage and for the owner's eyes.
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
