package pathvalue_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/pathvalue"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

const id = "0199f5d4-7b3a-7c6e-8a55-0a1b2c3d4e5f"

// TestUUID requests paths with canonical and other UUIDs.
func TestUUID(t *testing.T) {
	t.Parallel()
	router := mux.NewRouter().SkipClean(true)
	got := ""
	router.HandleFunc("/things/{id}", func(_ http.ResponseWriter, r *http.Request) {
		var err error
		if got, err = pathvalue.UUID(r, "id", problem.ErrNotFound); err != nil && !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
	})
	for text, want := range map[string]string{
		id: id, "0199f5d4-7b3a-7c6e-8a55-0a1b2c3d4e5%66": id,
		strings.ToUpper(id): "", "urn:uuid:" + id: "", "{" + id + "}": "", "%7B" + id + "%7D": "", strings.ReplaceAll(id, "-", ""): "",
		id + "%00": "", id + "%0a": "", "%20" + id: "", id + "%2f": "", "..%2f" + id: "", "x": "", "||": "", strings.Repeat("0", 5000): "",
		"%EF%BC%90199f5d4-7b3a-7c6e-8a55-0a1b2c3d4e5f": "", "%ff": "",
	} {
		t.Run(text, func(t *testing.T) {
			got = ""
			router.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/things/"+text, nil))
			if got != want {
				t.Errorf("%s: got %q, want %q", text, got, want)
			}
		})
	}
}

func FuzzParseUUID(f *testing.F) {
	form := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	for _, seed := range []string{id, strings.ToUpper(id), "urn:uuid:" + id, "{" + id + "}", "", strings.ReplaceAll(id, "-", "")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := pathvalue.ParseUUID(text)
		if (err == nil) != form.MatchString(text) || err == nil && got != text {
			t.Errorf("ParseUUID(%q) = %q, %v", text, got, err)
		}
	})
}
