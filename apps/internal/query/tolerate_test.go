package query_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/query"
)

func TestPagesTolerateAnyQuery(t *testing.T) {
	t.Parallel()
	router := mux.NewRouter()
	router.Use(query.Middleware)
	found := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	router.Handle("/page", query.Tolerate(found))
	router.Handle("/api", found)
	for target, want := range map[string]int{
		"/page?utm_source=mail&a=1&a=2&b=%zz": http.StatusTeapot, "/api?utm_source=mail": http.StatusBadRequest, "/api": http.StatusTeapot,
	} {
		got := httptest.NewRecorder()
		router.ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
		if got.Code != want {
			t.Errorf("%s: %d, want %d", target, got.Code, want)
		}
	}
}
