package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const maxUserName = 50

// parseName returns a person's name in NFC without surrounding spaces, and reports whether it is
// valid: 1 to 50 characters, at least one of them a letter.
//
// A name consists of letters with their marks, digits, punctuation and single spaces, in any
// script. Everything else is refused: symbols, emoji, and characters that are invisible or change
// how others are displayed, such as control and format characters (including bidirectional
// controls, and ZWJ and ZWNJ, which some Sinhala and Persian names use but do not need), variation
// selectors and fillers.
func parseName(text string) (name string, ok bool) {
	name = strings.TrimFunc(norm.NFC.String(text), func(r rune) bool { return unicode.Is(unicode.Zs, r) })
	if utf8.RuneCountInString(name) > maxUserName {
		return name, false
	}
	letters, before := 0, ' '
	for _, r := range name {
		if !fitsName(before, r) {
			return name, false
		}
		if unicode.IsLetter(r) {
			letters++
		}
		before = r
	}
	return name, letters > 0
}

// inName are the characters allowed in names, besides marks and spaces.
var inName = []*unicode.RangeTable{unicode.L, unicode.Nd, unicode.Nl, unicode.P}

// notInName are letters and marks that are not visible by themselves. Conjoining jamo are among
// them: NFC composes those of modern Korean syllables, so that only others remain.
var notInName = []*unicode.RangeTable{
	unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, conjoiningJamo,
}

var conjoiningJamo = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x1100, Hi: 0x11ff, Stride: 1}, {Lo: 0xa960, Hi: 0xa97f, Stride: 1}, {Lo: 0xd7b0, Hi: 0xd7ff, Stride: 1},
}}

// fitsName reports whether r may follow before in a name.
func fitsName(before, r rune) bool {
	switch {
	case unicode.In(r, notInName...):
		return false
	case unicode.Is(unicode.M, r):
		return unicode.IsLetter(before) || unicode.Is(unicode.M, before)
	case r == ' ':
		return before != ' '
	}
	return unicode.In(r, inName...)
}
