package httpserver

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/mux"
)

// fixedRoute is a route without path variables. For each request, mux tries the routes
// one after the other and calls the constructor of each middleware. For a fixed route
// the result is always the same, so it is computed once.
type fixedRoute struct {
	template string
	values   context.Context // has mux's values of the route
	next     http.Handler    // behind withRoute
}

// fixedKey selects a fixedRoute.
type fixedKey struct{ method, path string }

// probeKey is the context key of the fixedRoute that withRoute fills instead of serving
// the request.
type probeKey struct{}

// withFixedRoutes returns a handler that serves the fixed routes of router, and passes
// other requests to router. Routes must differ in path and method only, and their
// middleware must not have a state for each request.
func withFixedRoutes(router *mux.Router) http.Handler {
	fixed := map[fixedKey]fixedRoute{}
	_ = router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error { // returns no errors
		path, _ := route.GetPathTemplate()
		methods, err := route.GetMethods()
		if err != nil || strings.Contains(path, "{") {
			return nil //nolint:nilerr // a route for any method is not fixed
		}
		for _, method := range methods {
			if found := probe(router, method, path); found.next != nil {
				fixed[fixedKey{method, path}] = found
			}
		}
		return nil
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, ok := fixed[fixedKey{r.Method, r.URL.Path}]
		seen, observed := r.Context().(*observation)
		if !ok || !observed {
			router.ServeHTTP(w, r)
			return
		}
		seen.route, seen.matched = found.template, found.values
		found.next.ServeHTTP(w, r)
	})
}

// probe returns how router serves a path, or the zero fixedRoute if it does not.
func probe(router *mux.Router, method, path string) fixedRoute {
	var found fixedRoute
	ctx := context.WithValue(context.Background(), probeKey{}, &found)
	r := &http.Request{Method: method, URL: &url.URL{Path: path}, Header: http.Header{}}
	router.ServeHTTP(discardResponse{}, r.WithContext(ctx))
	return found
}

// discardResponse discards a response.
type discardResponse struct{}

// Header implements http.ResponseWriter.
func (discardResponse) Header() http.Header { return http.Header{} }

// Write implements http.ResponseWriter.
func (discardResponse) Write(body []byte) (int, error) { return len(body), nil }

// WriteHeader implements http.ResponseWriter.
func (discardResponse) WriteHeader(int) {}
