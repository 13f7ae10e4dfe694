package portal_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"
)

// routes returns the paths of a method that begin with a prefix, with all alternatives of their variables. The
// user in them is the one who is logged in.
func (w *world) routes(method, prefix string) (paths []string) {
	w.t.Helper()
	router, ok := w.handler.(*mux.Router)
	if !ok {
		w.t.Fatalf("the handler is a %T", w.handler)
	}
	err := router.Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		template, err := r.GetPathTemplate()
		methods, _ := r.GetMethods() // the route of unknown paths has none
		if slices.Contains(methods, method) && strings.HasPrefix(template, prefix) {
			paths = append(paths, expand(template)...)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return paths
}

// variable is a variable of a path: {id}, {act:grant|revoke}.
var variable = regexp.MustCompile(`\{\w+(?::([^}]*))?\}`)

// expand returns the paths of a template.
func expand(template string) (paths []string) {
	at := variable.FindStringSubmatchIndex(template)
	if at == nil {
		return []string{template}
	}
	values := "testuser01"
	if at[2] >= 0 {
		values = template[at[2]:at[3]]
	}
	for value := range strings.SplitSeq(values, "|") {
		paths = append(paths, expand(template[:at[0]]+value+template[at[1]:])...)
	}
	return paths
}

// TestFormsOfOtherSitesAreRefused also covers log-in CSRF: the log-in form is one of them.
func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	token := w.token(w.get("/"))
	before := len(w.services.asked)
	routes := w.routes(http.MethodPost, "/")
	if len(routes) < 18 {
		t.Fatalf("only %d forms: %v", len(routes), routes)
	}
	for _, path := range routes {
		w.fetch = "cross-site"
		if got := w.do(http.MethodPost, path, url.Values{"form_token": {token}}); got.Code != http.StatusForbidden {
			t.Errorf("%s of another site: %d", path, got.Code)
		}
		w.fetch = "same-origin"
		for what, form := range map[string]url.Values{"no": {}, "a wrong": {"form_token": {strings.Repeat("0", 64)}}} {
			if got := w.do(http.MethodPost, path, form); got.Code != http.StatusForbidden {
				t.Errorf("%s with %s token: %d", path, what, got.Code)
			}
		}
	}
	if got := len(w.services.asked); got != before {
		t.Errorf("%d calls were made", got-before)
	}
}
