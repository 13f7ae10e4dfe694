package httpserver

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

var errMethod = problem.New(problem.MethodNotAllowed, "METHOD_NOT_ALLOWED", "지원하지 않는 HTTP 메서드입니다.")

// methods are those that routes may have.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// clampMethod keeps a client from inventing label values.
func clampMethod(method string) string {
	if slices.Contains(methods, method) {
		return method
	}
	return "OTHER"
}

// unmatched answers what no route of router takes: 405 if the path has routes
// for other methods, else 404. It looks for them itself, because mux forgets
// about them within a subrouter as soon as it has looked at a further route.
func unmatched(router *mux.Router) http.Handler {
	return httpjson.Handler(func(w http.ResponseWriter, r *http.Request) error {
		allowed := slices.DeleteFunc(slices.Clone(methods), func(method string) bool { return !matches(router, r, method) })
		if len(allowed) == 0 {
			return problem.ErrNotFound
		}
		w.Header().Set("Allow", strings.Join(allowed, ", ")) // RFC 9110, section 15.5.6
		return errMethod
	})
}

// matches reports whether the path of r has a route for method.
func matches(router *mux.Router, r *http.Request, method string) bool {
	probe := r.WithContext(r.Context())
	probe.Method = method
	var match mux.RouteMatch
	return router.Match(probe, &match) && match.MatchErr == nil
}
