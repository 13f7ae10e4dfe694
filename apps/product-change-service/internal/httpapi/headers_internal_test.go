package httpapi

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// FuzzIdempotencyKey checks that an accepted key is single, short and printable.
func FuzzIdempotencyKey(f *testing.F) {
	for _, seed := range []string{
		"", " ", "key-1", "a b", " key", "키", "\x00", "key\n", strings.Repeat("k", 255), strings.Repeat("k", 256), "~!", "\x7f", "\u00a0",
		"019a0000-0000-7000-8000-000000000000", `"quoted"`, "';--", "a, b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := readKey(http.Header{"Idempotency-Key": {text}})
		visible := text != "" && len(text) <= 255 && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
		if (err == nil) != visible || err == nil && key != text || err != nil && !errors.Is(err, problem.ErrValidation) {
			t.Errorf("%q became %q, %v", text, key, err)
		}
		if _, err := readKey(http.Header{"Idempotency-Key": {text, text}}); !errors.Is(err, problem.ErrValidation) {
			t.Errorf("twice %q: %v", text, err)
		}
	})
}

func TestNoIdempotencyKey(t *testing.T) {
	t.Parallel()
	if key, err := readKey(http.Header{}); key != "" || err != nil {
		t.Errorf("got %q, %v", key, err)
	}
}

// FuzzOrder checks that an accepted order has a line of digits, codes without special
// characters, and an existing day.
func FuzzOrder(f *testing.F) {
	f.Add("010-1234-5678", "5G-PREMIUM-001", "LTE-BASIC-001", "")
	f.Add("01012345678", "A", "B", "2026-02-29")
	f.Add("01012345678", "A'--", "B", "2026-02-28")
	f.Add("010-12345678", "", "\n", "0000-00-00")
	f.Add("０１０12345678", strings.Repeat("A", 51), "한", "2026-2-28")
	f.Fuzz(func(t *testing.T, line, current, target, day string) {
		request := changeRequest{validationRequest{LineNumber: line, CurrentProductCode: current, TargetProductCode: target}, day}
		order, err := request.order()
		if err != nil {
			if !errors.Is(err, problem.ErrValidation) {
				t.Errorf("an internal error: %v", err)
			}
			return
		}
		if len(order.Line.Digits()) != 11 || !codePattern.MatchString(order.Current) || !codePattern.MatchString(order.Target) ||
			order.Effective != "" && len(order.Effective) != len("2006-01-02") {
			t.Errorf("%+v became %+v", request, order)
		}
	})
}
