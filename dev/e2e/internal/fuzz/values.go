package fuzz

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"
)

// pick returns a random value.
func pick[T any](r *rand.Rand, values []T) T { return values[r.IntN(len(values))] }

// chance returns true with the given probability in percent.
func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

// texts are hostile texts. None contains what internals matches.
var texts = []string{
	"", " ", "\t", "x", "-", "_", ".", "..", "/", "null", "true", "0", "-1", "1e400", "NaN", "undefined", "[]", "{}",
	"../../etc/passwd", "..\\..\\x", "a/b", "a||b", "||", "a:b", "*", "a*", "?", "#", "&", "=", ";", ",", "|", "~", "\\", "\"", "'", "`",
	"' OR '1'='1", "'; DROP TABLE users; --", "$1", "%", "%00", "%s%n", "%zz", "${jndi:ldap://x/y}", "{{7*7}}", "<script>alert(1)</script>",
	"a\r\nX-Injected: yes", "a\nb", "a\x00b", "\x00", "\x1b[31m", "\x7f", "\u0080", "\u00a0", "\u00ad", "\u200b", "\u200f", "\u202eabc", "\u2028",
	"\u2066x\u2069", "\ufeffx", "\u3164", "\u115f\u1160", "\uffa0", "\ufffd", "\uffff", "\ue000", "\U000e0001", "\U0001f468\u200d\U0001f469",
	"가나다", "\u1100\u1161\u1102\u1161", "e\u0301", "é", "ﬁ", "İ", "ß", "\u017f", "\u212a", "\u212b", "ａｂｃ", "０１０１２３４５６７８", "٠١٠",
	"01079990001", "010-7999-0001", "010 7999 0001", "+821079990001", "0107999000", "010799900012", "01079990001 ",
	"absent-id", "ABSENT-ID", "ADMIN", "BILL_INQUIRY", "bill_inquiry",
	"2026-02-30", "2026-13", "202613", "0000-00-00", "0001-01-01", "9999-12-31", "9999-12", "20260101", "-2026-01", "+2026-01", "2026-1-1", "2026-01-01T00:00:00Z",
	"9223372036854775807", "9223372036854775808", "-9223372036854775808", "99999999999999999999", "0x10", "1_000", "01", "+1", "1.0", "1e3",
	"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "{019a0000-0000-7000-8000-000000000000}",
	"urn:uuid:019a0000-0000-7000-8000-000000000000", "019A0000-0000-7000-8000-000000000000", "019a000000007000800000000000000000",
	"019a0000-0000-7000-8000-000000000000", "1.019a0000-0000-7000-8000-000000000000", "99999999999999999999.019a0000-0000-7000-8000-000000000000",
	"1-1", "9999999999999999-9999999999999999999", "5G-PREMIUM-001", "5g-premium-001", "__proto__", "constructor",
	strings.Repeat("a", 51), strings.Repeat("a", 256), strings.Repeat("가", 50), strings.Repeat("a\u0301", 60), strings.Repeat("9", 400), strings.Repeat("x", 6000),
}

// raws are JSON texts of other types, and invalid ones.
var raws = []string{
	"null", "true", "false", "0", "-0", "-1", "1", "1.5", "1E2", "1e400", "-1e400", "1e-400", "2147483648", "9223372036854775807", "9223372036854775808",
	"18446744073709551616", strings.Repeat("9", 400), "0." + strings.Repeat("0", 400) + "1", "01", "+1", ".5", "1.", "0x10", "NaN", "Infinity", "undefined",
	"[]", "{}", "[null]", "[[]]", `[""]`, `{"a":1}`, `{"":{}}`, `{"$ref":"#"}`, strings.Repeat("[", 100) + strings.Repeat("]", 100),
	strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000), strings.Repeat(`{"a":`, 9_000) + "1" + strings.Repeat("}", 9_000), strings.Repeat("[", 30_000),
	`"\ud800"`, `"\udc00"`, `"\udc00\ud800"`, `"\ud83d\ude00"`, `"\ud800x"`, `"\u0000"`, `"\uFFFF"`, `"\x41"`, `"\u12"`, `"\`, `'x'`, `x`, `""""`,
	"\"\x01\"", "\"a\nb\"", "\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf5\x80\x80\x80\"", "\"\xe2\x82\"", "\"\x00\"",
}

// hostile returns a hostile text for a field with this schema.
func hostile(r *rand.Rand, schema *openapi3.Schema) string {
	if schema != nil && chance(r, 50) {
		if bounds := boundsOf(schema); len(bounds) > 0 {
			return pick(r, bounds)
		}
	}
	return pick(r, texts)
}

// boundsOf returns texts at and beyond the bounds of a schema.
func boundsOf(schema *openapi3.Schema) []string {
	var bounds []string
	if schema.Min != nil {
		bounds = append(bounds, number(*schema.Min-1), number(*schema.Min))
	}
	if schema.Max != nil {
		bounds = append(bounds, number(*schema.Max), number(*schema.Max+1))
	}
	if least := int(schema.MinLength); least > 0 { //nolint:gosec // small constants in our own documents
		bounds = append(bounds, strings.Repeat("a", least-1), strings.Repeat("가", least))
	}
	if schema.MaxLength != nil {
		most := int(*schema.MaxLength) //nolint:gosec // small constants in our own documents
		bounds = append(bounds, strings.Repeat("a", most), strings.Repeat("a", most+1), strings.Repeat("가", most), strings.Repeat("각", most))
	}
	for _, value := range schema.Enum {
		if known, ok := value.(string); ok {
			bounds = append(bounds, strings.ToLower(known), known+" ", known+"\x00", known+","+known)
		}
	}
	return bounds
}

func number(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

// otherCase returns a text with the case of one letter changed.
func otherCase(r *rand.Rand, text string) string {
	letters := []rune(text)
	i := r.IntN(max(1, len(letters)))
	for n := range letters {
		at := (i + n) % len(letters)
		if swapped := swapCase(letters[at]); swapped != letters[at] {
			letters[at] = swapped
			break
		}
	}
	return string(letters)
}

func swapCase(letter rune) rune {
	if unicode.IsUpper(letter) {
		return unicode.ToLower(letter)
	}
	return unicode.ToUpper(letter)
}

// twist returns a text that differs slightly from the given one.
func twist(r *rand.Rand, text string) string {
	at := r.IntN(len(text) + 1)
	switch r.IntN(7) {
	case 0:
		return otherCase(r, text)
	case 1:
		return text[:at] + pick(r, texts) + text[at:]
	case 2:
		return text[:at] // truncated
	case 3:
		return text + text
	case 4:
		return " " + text
	case 5:
		return text + pick(r, []string{" ", "\n", "\x00", "\u200b", "\u0301", "."})
	}
	return fullWidth(text)
}

// fullWidth returns a text in full-width letters, which NFKC, but not NFC, maps to ASCII.
func fullWidth(text string) string {
	return strings.Map(func(letter rune) rune {
		if letter > ' ' && letter <= '~' {
			return letter + 0xfee0
		}
		return letter
	}, text)
}
