package client

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/phonebill/phonebill/apps/internal/money"
)

// Form validates members of an answer and keeps the first fault. The zero value has none.
type Form struct{ wrong *AnswerError }

// Err returns the first fault, an *AnswerError, or nil.
func (f *Form) Err() error {
	if f.wrong == nil {
		return nil
	}
	return f.wrong
}

// Require records a fault of the kind unless ok.
func (f *Form) Require(ok bool, kind Kind, reason string) {
	if !ok && f.wrong == nil {
		f.wrong = NewAnswerError(kind, reason)
	}
}

// maxText bounds a text for customers, in characters.
const maxText = 200

// Text requires a readable text. See Readable.
func (f *Form) Text(name, value string) { f.Require(Readable(value), Value, name) }

// Readable reports whether text is fit for customers: printable, not empty and not longer
// than maxText.
func Readable(text string) bool {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) }
	n := utf8.RuneCountInString(text)
	return n > 0 && n <= maxText && !strings.ContainsFunc(text, hidden)
}

var codePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Code requires an identifier or a constant.
func (f *Form) Code(name, value string) { f.Require(codePattern.MatchString(value), Value, name) }

// customerPattern accepts every id that a registration may have, and more: KOS has
// customers without an account.
var customerPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Customer requires a customer id.
func (f *Form) Customer(name, value string) {
	f.Require(customerPattern.MatchString(value), Value, name)
}

// OneOf requires one of the values.
func (f *Form) OneOf(name, value string, values ...string) {
	f.Require(slices.Contains(values, value), Value, name)
}

// Day requires an existing day, in a layout of package time.
func (f *Form) Day(name, value, layout string) {
	_, err := time.Parse(layout, value)
	f.Require(err == nil, Value, name)
}

// Won requires an amount from zero to money.Max.
func (f *Form) Won(name string, amount int64) {
	f.Require(money.Valid(amount), Amount, name+" is out of range")
}
