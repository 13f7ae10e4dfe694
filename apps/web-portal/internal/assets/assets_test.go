package assets_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/web-portal/internal/assets"
)

func TestAssetsAreImmutableAndSmall(t *testing.T) {
	t.Parallel()
	files, err := assets.New()
	if err != nil {
		t.Fatal(err)
	}
	router := mux.NewRouter()
	files.Register(router)
	for name, limit := range map[string]int{"portal.css": 20 << 10, "portal.js": 20 << 10, "icon.svg": 1 << 10} {
		url, err := files.URL(name)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`\.[0-9a-f]{12}\.`).MatchString(url) {
			t.Errorf("%s has no hash", url)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		r.Header.Set("Accept-Encoding", "gzip")
		got := httptest.NewRecorder()
		router.ServeHTTP(got, r)
		if got.Code != http.StatusOK || got.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || got.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: %d %v", url, got.Code, got.Header())
		}
		if got.Body.Len() > limit {
			t.Errorf("%s has %d bytes", url, got.Body.Len())
		}
	}
	if _, err := files.URL("other.js"); err == nil {
		t.Error("a missing file has a URL")
	}
}

// TestAssetsOfAnotherReleaseAreServed answers pages that another release has rendered.
func TestAssetsOfAnotherReleaseAreServed(t *testing.T) {
	t.Parallel()
	files, err := assets.New()
	if err != nil {
		t.Fatal(err)
	}
	router := mux.NewRouter()
	files.Register(router)
	for path, want := range map[string]int{
		"/assets/portal.0123456789ab.css": http.StatusOK, "/assets/portal.0123456789ab.js": http.StatusOK,
		"/assets/portal.css": http.StatusNotFound, "/assets/portal.x.css": http.StatusNotFound, "/assets/other.0123456789ab.css": http.StatusNotFound,
	} {
		got := httptest.NewRecorder()
		router.ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if got.Code != want {
			t.Errorf("%s: %d", path, got.Code)
		}
		if cache := got.Header().Get("Cache-Control"); want == http.StatusOK && cache != "no-store" {
			t.Errorf("%s is kept: %s", path, cache)
		}
	}
}
