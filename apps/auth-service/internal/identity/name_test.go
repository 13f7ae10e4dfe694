package identity

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestValidNamesAreAccepted(t *testing.T) {
	t.Parallel()
	for language, name := range map[string]string{
		"Korean": "홍길동", "Korean, rare syllable": "갂뷁", "Korean, compatibility jamo": "ㄱ씨", "Hanja": "洪吉童",
		"with a space": "남궁 민수", "with digits": "김영희2", "a company": "주식회사 폰빌(대표: 김철수)",
		"English": "Mary-Jane O'Neil, Jr.", "typographic apostrophe": "O’Neil", "Roman numeral": "Henry Ⅷ",
		"Vietnamese": "Nguyễn Thị Bích Ngọc", "Polish": "Łukasz Żółć", "Turkish": "İbrahim Çağlayan",
		"Catalan": "Gal·la Coromines", "Hawaiian": "Keliʻi", "Icelandic": "Þórdís Ægisdóttir",
		"Arabic": "محمد بن عبد الله", "Arabic with vowels": "مُحَمَّد", "Persian": "علیرضا", "Urdu": "محمد اقبال",
		"Hebrew": "ג׳ון", "Hindi": "अमिताभ श्रीवास्तव", "Bengali": "শেখ মুজিবুর", "Tamil": "கார்த்திக்",
		"Sinhala": "සිරිමාවෝ", "Thai": "สมชาย ใจดี", "Khmer": "សុខា", "Burmese": "အောင်ဆန်း", "Lao": "ບຸນ", "Tibetan": "བསྟན་འཛིན",
		"Japanese": "佐々木 ゆうこ", "Japanese, long vowel": "リー・チャン", "halfwidth": "ﾀﾅｶ", "rare Han": "𠮷野家",
		"Chinese": "欧阳娜娜", "Mongolian": "Чингис", "Georgian": "შოთა", "Armenian": "Հայկ", "Greek": "Ελένη", "Amharic": "አበበ",
		"Cherokee": "ᏣᎳᎩ", "Igbo, no composed form": "Ụ̀zọ̀", "50 characters": strings.Repeat("박", 50),
	} {
		for form, text := range map[string]string{"unchanged": name, "decomposed": norm.NFD.String(name), "with spaces around": "\u3000 " + name + "\u00a0"} {
			t.Run(language+", "+form, func(t *testing.T) {
				t.Parallel()
				got, ok := parseName(text)
				if want := norm.NFC.String(name); !ok || got != want {
					t.Errorf("%+q is %+q, %t", text, got, ok)
				}
			})
		}
	}
}

// unfit are refused alone and within a name.
var unfit = map[string]string{
	"null": "\x00", "newline": "\n", "tabulator": "\t", "escape": "\x1b", "C1 control": "\u0085",
	"line separator": "\u2028", "paragraph separator": "\u2029",
	"zero width space": "\u200b", "ZWNJ": "\u200c", "ZWJ": "\u200d", "word joiner": "\u2060", "soft hyphen": "\u00ad",
	"byte order mark": "\ufeff", "Mongolian vowel separator": "\u180e", "interlinear annotation": "\ufff9",
	"left-to-right mark": "\u200e", "right-to-left mark": "\u200f", "Arabic letter mark": "\u061c", "right-to-left override": "\u202e",
	"right-to-left embedding": "\u202b", "pop directional": "\u202c", "right-to-left isolate": "\u2067", "pop isolate": "\u2069",
	"tag": "\U000e0041", "grapheme joiner": "\u034f", "variation selector": "\ufe0f", "ideographic variation selector": "\U000e0100",
	"Mongolian variation selector": "\u180b", "Khmer inherent vowel": "\u17b4",
	"choseong filler": "\u115f", "jungseong filler": "\u1160", "Hangul filler": "\u3164", "halfwidth Hangul filler": "\uffa0",
	"jungseong": "\u1185", "jongseong": "\u11ff", "archaic choseong": "\u1140", "archaic jamo": "\ud7c6",
	"unassigned": "\u0378", "unassigned plane": "\U000a0000", "noncharacter": "\uffff", "private use": "\ue000", "private plane": "\U00100000",
	"replacement character": "\ufffd", "invalid byte": "\xff", "surrogate": "\xed\xa0\x80",
	"emoji": "😀", "mathematical symbol": "<", "currency": "₩", "Braille blank": "\u2800", "circled": "①", "enclosing mark": "1\u20e3",
	"two spaces": "박  민수", "ideographic space": "박\u3000민수", "no-break space": "박\u00a0민수",
}

func TestInvalidNamesAreRefused(t *testing.T) {
	t.Parallel()
	for name, text := range unfit {
		for where, text := range map[string]string{"alone": text, "at the beginning": text + "박", "inside": "박" + text + "민수", "at the end": "박" + text} {
			if strings.Contains(name, "space") && where != "inside" && name != "zero width space" {
				continue // trimmed there
			}
			t.Run(name+", "+where, func(t *testing.T) {
				t.Parallel()
				if got, ok := parseName(text); ok {
					t.Errorf("%+q is %+q", text, got)
				}
			})
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "a space": " ", "spaces": " \u3000\u00a0 ", "digits": "12345", "punctuation": "---", "digits and marks": "1\u0301",
		"a lone mark": "\u0301", "a mark at the beginning": "\u0301a", "a mark after a space": "a \u0301", "a mark after a digit": "a1\u0301",
		"51 characters": strings.Repeat("박", 51), "a pile of marks": "a" + strings.Repeat("\u0316", 35),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, ok := parseName(text); ok {
				t.Errorf("%+q is %+q", text, got)
			}
		})
	}
}

// FuzzName checks the invariants of every accepted name, in any normalization form.
func FuzzName(f *testing.F) {
	for _, text := range unfit {
		f.Add("박" + text + "민수")
	}
	for _, text := range []string{"홍길동", norm.NFD.String("Nguyễn Thị"), " 박 민수 ", "\u0301a", "가\u11a8", "مُحَمَّد"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, ok := parseName(text)
		again, okAgain := parseName(name)
		decomposed, okDecomposed := parseName(norm.NFD.String(text))
		switch {
		case okAgain != ok || ok && again != name:
			t.Fatalf("%+q is %+q, %t, and that %+q, %t", text, name, ok, again, okAgain)
		case utf8.ValidString(text) && (okDecomposed != ok || ok && decomposed != name):
			t.Fatalf("%+q is %+q, %t, and decomposed %+q, %t", text, name, ok, decomposed, okDecomposed)
		case !ok:
			return
		}
		if n := utf8.RuneCountInString(name); n < 1 || n > maxUserName || !norm.NFC.IsNormalString(name) || !utf8.ValidString(name) {
			t.Errorf("%+q has %d characters", name, n)
		}
		if strings.TrimSpace(name) != name || strings.Contains(name, "  ") || !strings.ContainsFunc(name, unicode.IsLetter) {
			t.Errorf("%+q is a name", name)
		}
		for _, r := range name {
			if r != ' ' && !unicode.IsGraphic(r) || unicode.In(r, unicode.C, unicode.S, unicode.Other_Default_Ignorable_Code_Point) {
				t.Errorf("%+q has %U", name, r)
			}
		}
	})
}
