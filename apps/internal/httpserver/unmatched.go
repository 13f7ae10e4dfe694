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

// unmatched answers what no route of router takes. A path without routes is 404;
// one with routes answers OPTIONS with the methods that they take, and any other
// method with 405. It looks for routes itself, because mux forgets about them
// within a subrouter as soon as it has looked at a further route. The actuators
// are no routes, and take GET.
func unmatched(router *mux.Router, actuators []string) http.Handler {
	return refuseMethod(func(r *http.Request) []string {
		if slices.Contains(actuators, r.URL.Path) {
			return []string{http.MethodGet}
		}
		return slices.DeleteFunc(slices.Clone(methods), func(method string) bool { return !matches(router, r, method) })
	})
}

// refuseMethod answers OPTIONS for a path that takes the methods that allowed
// returns, and refuses any other method. Where there is GET there is HEAD.
func refuseMethod(allowed func(r *http.Request) []string) http.Handler {
	return httpjson.Handler(func(w http.ResponseWriter, r *http.Request) error {
		taken := allowed(r)
		if len(taken) == 0 {
			return problem.ErrNotFound
		}
		if slices.Contains(taken, http.MethodGet) && !slices.Contains(taken, http.MethodHead) {
			taken = append(taken, http.MethodHead)
		}
		w.Header().Set("Allow", strings.Join(append(taken, http.MethodOptions), ", ")) // RFC 9110, section 10.2.1
		if r.Method != http.MethodOptions {
			return errMethod
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// head answers HEAD as next answers GET, without the body (RFC 9110, section
// 9.3.2). No route has to know HEAD.
func head(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		asked := r.WithContext(r.Context())
		asked.Method = http.MethodGet
		next.ServeHTTP(bodiless{w}, asked)
	})
}

// bodiless leaves out the body of an answer.
type bodiless struct{ http.ResponseWriter }

// Write implements io.Writer.
func (w bodiless) Write(body []byte) (int, error) { return len(body), nil }

// Unwrap lets http.ResponseController reach the connection.
func (w bodiless) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// matches reports whether the path of r has a route for method.
func matches(router *mux.Router, r *http.Request, method string) bool {
	probe := r.WithContext(r.Context())
	probe.Method = method
	var match mux.RouteMatch
	return router.Match(probe, &match) && match.MatchErr == nil
}
