package httpjson_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
)

const asynchronously = "respond-async"

// FuzzPrefer sends any preference: whatever else it holds, it is
// respond-async, or it is not.
func FuzzPrefer(f *testing.F) {
	for _, seed := range []string{
		"", "respond-async", "wait=5, respond-async", "Respond-Async;x=1", "respond-async=1", ", ,", "respond-asynchronously", "x;respond-async",
		`foo="a, respond-async"`, "\x00respond-async", strings.Repeat(",", 1000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
		r.Header["Prefer"] = []string{header}
		alone := httpjson.PrefersAsync(r)
		if alone && !strings.Contains(strings.ToLower(header), asynchronously) {
			t.Errorf("%q is taken for %s", header, asynchronously)
		}
		r.Header["Prefer"] = []string{header + ", " + asynchronously}
		if !httpjson.PrefersAsync(r) {
			t.Errorf("not seen behind %q", header)
		}
	})
}

func TestAppliedAsync(t *testing.T) {
	t.Parallel()
	answer := httptest.NewRecorder()
	httpjson.AppliedAsync(answer)
	if got := answer.Header().Get("Preference-Applied"); got != asynchronously {
		t.Errorf("applied %q", got)
	}
}
