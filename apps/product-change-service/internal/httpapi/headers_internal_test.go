package httpapi

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

// FuzzIdempotencyKey sends any key. What is taken is short and printable, as it
// is stored and compared; the digest tells requests apart whatever the key.
func FuzzIdempotencyKey(f *testing.F) {
	for _, seed := range []string{
		"", "key-1", "a b", " key", "키", "\x00", "key\n", strings.Repeat("k", 128), strings.Repeat("k", 129), "~!", "\x7f", "\u00a0",
		"019a0000-0000-7000-8000-000000000000", `"quoted"`, "';--",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
		r.Header["Idempotency-Key"] = []string{text}
		key, err := readKey(r, change.Order{Line: "01012345678", Current: "A", Target: "B"})
		switch {
		case err != nil:
			if !errors.Is(err, problem.ErrValidation) {
				t.Errorf("%q is taken for a fault of ours: %v", text, err)
			}
		case text == "":
			if key.Text != "" || key.Body != nil {
				t.Errorf("no key became %+v", key)
			}
		case key.Text != text || len(text) > 128 || len(key.Body) != 32 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
			t.Errorf("%q became %+v", text, key)
		}
	})
}

// FuzzOrder reads any change: what is taken names a line of digits, codes
// without anything that means something elsewhere, and a day that there is.
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
				t.Errorf("taken for a fault of ours: %v", err)
			}
			return
		}
		if len(order.Line.Digits()) != 11 || !codePattern.MatchString(order.Current) || !codePattern.MatchString(order.Target) ||
			order.Effective != "" && len(order.Effective) != len("2006-01-02") {
			t.Errorf("%+v became %+v", request, order)
		}
	})
}
