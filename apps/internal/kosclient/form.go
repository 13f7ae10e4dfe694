package kosclient

import (
	"regexp"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"
)

// Form checks members of an answer one after the other. Its zero value has seen
// nothing wrong.
type Form struct{ wrong *AnswerError }

// Err returns an *AnswerError for the first member that is not of its form, or
// nil.
func (f *Form) Err() error {
	if f.wrong == nil {
		return nil
	}
	return f.wrong
}

// Wants notes a fault of the kind unless ok.
func (f *Form) Wants(ok bool, kind Kind, reason string) {
	if !ok && f.wrong == nil {
		f.wrong = Wrong(kind, reason)
	}
}

// maxText bounds a text for people, in characters.
const maxText = 200

// Text wants something to read on one line.
func (f *Form) Text(name, value string) {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) }
	n := utf8.RuneCountInString(value)
	f.Wants(n > 0 && n <= maxText && !slices.ContainsFunc([]rune(value), hidden), Value, name)
}

var codePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Code wants an identifier or a constant.
func (f *Form) Code(name, value string) { f.Wants(codePattern.MatchString(value), Value, name) }

// OneOf wants one of the values.
func (f *Form) OneOf(name, value string, values ...string) {
	f.Wants(slices.Contains(values, value), Value, name)
}

// Day wants a day that exists, in the layout of package time.
func (f *Form) Day(name, value, layout string) {
	_, err := time.Parse(layout, value)
	f.Wants(err == nil, Value, name)
}

// MaxAmount bounds an amount, in won: far above any, and so low that sums do not
// overflow.
const MaxAmount = 1_000_000_000

// Won wants an amount that is not negative and not beyond reason.
func (f *Form) Won(name string, amount int64) {
	f.Wants(amount >= 0 && amount <= MaxAmount, Amount, name+" is out of range")
}
