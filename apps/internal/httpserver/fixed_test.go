package httpserver_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gorilla/mux"
)

func TestFixedRoutes(t *testing.T) {
	t.Parallel()
	var built atomic.Int32
	name := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			template, _ := mux.CurrentRoute(r).GetPathTemplate()
			_, _ = io.WriteString(w, name+" "+template+" "+mux.Vars(r)["id"])
		}
	}
	f := setup(t, defaults(), func(r *mux.Router) {
		r.HandleFunc("/before/{id}", name("variable")).Methods(http.MethodGet)
		r.HandleFunc("/before/fixed", name("shadowed")).Methods(http.MethodGet)
		r.HandleFunc("/after/fixed", name("fixed")).Methods(http.MethodGet)
		r.HandleFunc("/after/{id}", name("variable")).Methods(http.MethodGet, http.MethodPost)
		r.HandleFunc("/any", name("any"))
		inner := r.PathPrefix("/inner").Subrouter()
		inner.Use(func(next http.Handler) http.Handler {
			built.Add(1)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Inner", "yes")
				next.ServeHTTP(w, r)
			})
		})
		inner.HandleFunc("/fixed", name("inner")).Methods(http.MethodGet)
	})
	for target, want := range map[string]struct {
		status int
		body   string
	}{
		"GET /before/fixed":   {http.StatusOK, "variable /before/{id} fixed"},
		"GET /after/fixed":    {http.StatusOK, "fixed /after/fixed "},
		"HEAD /after/fixed":   {http.StatusOK, ""},
		"POST /after/fixed":   {http.StatusOK, "variable /after/{id} fixed"},
		"GET /after/7":        {http.StatusOK, "variable /after/{id} 7"},
		"DELETE /any":         {http.StatusOK, "any /any "},
		"GET /inner/fixed":    {http.StatusOK, "inner /inner/fixed "},
		"DELETE /inner/fixed": {http.StatusMethodNotAllowed, ""},
		"GET /inner/fixed/":   {http.StatusNotFound, ""},
		"GET /inner//fixed":   {http.StatusNotFound, ""},
		"GET /after/fixed?x":  {http.StatusBadRequest, ""},
	} {
		method, path, _ := strings.Cut(target, " ")
		rec := f.do(t, httptest.NewRequest(method, path, nil))
		if rec.Code != want.status || want.body != "" && rec.Body.String() != want.body {
			t.Errorf("%s: got %d %q, want %d %q", target, rec.Code, rec.Body, want.status, want.body)
		}
	}
	before := built.Load()
	for range 3 {
		rec := f.do(t, httptest.NewRequest(http.MethodGet, "/inner/fixed", nil))
		if rec.Header().Get("X-Inner") != "yes" {
			t.Error("the middleware of the subrouter was skipped")
		}
	}
	if after := built.Load(); after != before {
		t.Errorf("the middleware was built %d times for 3 requests", after-before)
	}
	if got := f.metric(t, "phonebill_http_requests_total", "route", "/inner/fixed", "status", "200"); got != 4 {
		t.Errorf("%v requests were counted, want 4", got)
	}
}
