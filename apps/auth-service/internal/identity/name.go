package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const maxUserName = 50

// parseName returns a person's name in NFC and without the spaces around it, and
// reports whether it is one: 1 to 50 characters, a letter among them.
//
// A name consists of letters with their marks, digits, punctuation and single
// spaces, in any script. All else is refused: symbols and emoji, and whatever is
// not to be seen or changes how the rest is seen, such as control and format
// characters (the direction of text; also ZWJ and ZWNJ, which a few names in
// Sinhala and Persian are written with and can do without), variation selectors
// and fillers.
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

// inName are the characters of names, but for marks and spaces.
var inName = []*unicode.RangeTable{unicode.L, unicode.Nd, unicode.Nl, unicode.P}

// notInName are those of inName and those marks that are not to be seen by
// themselves or not at all. Of conjoining jamo NFC leaves those that make up no
// syllable of today's Korean.
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
