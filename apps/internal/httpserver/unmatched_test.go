package httpserver_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
)

// things registers routes in subrouters, as services do.
func things(r *mux.Router) {
	one := httpjson.Handler(func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("ETag", `"1"`)
		return httpjson.Success(w, http.StatusOK, "things", "")
	})
	r.Handle("/jobs", one).Methods(http.MethodPost)
	sub := r.PathPrefix("/api").Subrouter()
	sub.Handle("/things", one).Methods(http.MethodGet)
	sub.Handle("/things", one).Methods(http.MethodPost)
	sub.Handle("/things/{id}", one).Methods(http.MethodDelete)
}

func TestMethods(t *testing.T) {
	t.Parallel()
	f := setup(t, defaults(), things)
	for path, allow := range map[string]string{
		"/api/things": "GET, POST, HEAD, OPTIONS", "/api/things/1": "DELETE, OPTIONS", "/jobs": "POST, OPTIONS",
		"/actuator/health": "GET, HEAD, OPTIONS", "/openapi.yaml": "GET, HEAD, OPTIONS",
	} {
		for method, want := range map[string]int{http.MethodOptions: http.StatusNoContent, http.MethodPatch: http.StatusMethodNotAllowed} {
			rec := f.do(t, httptest.NewRequest(method, path, nil))
			if rec.Code != want || rec.Header().Get("Allow") != allow {
				t.Errorf("%s %s: %d, Allow %q, want %d, %q", method, path, rec.Code, rec.Header().Get("Allow"), want, allow)
			}
		}
	}
	for _, method := range []string{http.MethodOptions, http.MethodHead, http.MethodGet} {
		if rec := f.do(t, httptest.NewRequest(method, "/api/other", nil)); rec.Code != http.StatusNotFound || rec.Header().Get("Allow") != "" {
			t.Errorf("%s: %d, Allow %q", method, rec.Code, rec.Header().Get("Allow"))
		}
	}
	if rec := f.do(t, httptest.NewRequest(http.MethodHead, "/jobs", nil)); rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("HEAD without GET: %d", rec.Code)
	}
}

// TestHeadIsGetWithoutBody compares responses to both, with and without errors.
func TestHeadIsGetWithoutBody(t *testing.T) {
	t.Parallel()
	f := setup(t, defaults(), things)
	for _, path := range []string{"/api/things", "/api/things?x=1", "/api/other", "/openapi.yaml", "/actuator/health"} {
		get := f.do(t, httptest.NewRequest(http.MethodGet, path, nil))
		head := f.do(t, httptest.NewRequest(http.MethodHead, path, nil))
		if get.Code != head.Code || head.Body.Len() != 0 || get.Body.Len() == 0 {
			t.Errorf("%s: GET %d, HEAD %d with %q", path, get.Code, head.Code, head.Body)
		}
		for name := range get.Header() {
			if got, want := head.Header().Get(name), get.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}
