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

// methods are the methods that routes may have.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// clampMethod returns method, or "OTHER" if it is unknown, so that clients cannot
// add label values.
func clampMethod(method string) string {
	if slices.Contains(methods, method) {
		return method
	}
	return "OTHER"
}

// unmatched handles requests that match no route of router. A path without routes
// gets 404; on one with routes, OPTIONS returns the allowed methods and any other
// method gets 405. It matches the routes itself, because mux loses the mismatch of
// a route in a subrouter when it tries the next one. Actuators allow GET only.
func unmatched(router *mux.Router, actuators []string) http.Handler {
	return methodNotAllowed(func(r *http.Request) []string {
		if slices.Contains(actuators, r.URL.Path) {
			return []string{http.MethodGet}
		}
		return slices.DeleteFunc(slices.Clone(methods), func(method string) bool { return !matches(router, r, method) })
	})
}

// methodNotAllowed answers OPTIONS with the methods that allowed returns, and any
// other method with 405. GET implies HEAD.
func methodNotAllowed(allowed func(r *http.Request) []string) http.Handler {
	return httpjson.Handler(func(w http.ResponseWriter, r *http.Request) error {
		allow := allowed(r)
		if len(allow) == 0 {
			return problem.ErrNotFound
		}
		if slices.Contains(allow, http.MethodGet) && !slices.Contains(allow, http.MethodHead) {
			allow = append(allow, http.MethodHead)
		}
		w.Header().Set("Allow", strings.Join(append(allow, http.MethodOptions), ", ")) // RFC 9110, section 10.2.1
		if r.Method != http.MethodOptions {
			return errMethod
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// headAsGet passes HEAD requests to next as GET and discards the body (RFC 9110, section
// 9.3.2), so that routes need not handle HEAD.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		get := r.WithContext(r.Context())
		get.Method = http.MethodGet
		next.ServeHTTP(discardBody{w}, get)
	})
}

// discardBody discards the body of a response.
type discardBody struct{ http.ResponseWriter }

// Write implements io.Writer.
func (w discardBody) Write(body []byte) (int, error) { return len(body), nil }

// Unwrap supports http.ResponseController.
func (w discardBody) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// matches reports whether the path of r has a route for method.
func matches(router *mux.Router, r *http.Request, method string) bool {
	probe := r.WithContext(r.Context())
	probe.Method = method
	var match mux.RouteMatch
	return router.Match(probe, &match) && match.MatchErr == nil
}
