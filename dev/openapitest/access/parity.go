package access

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"
)

// Parity fails the test unless router and document have the same operations, each with a rule and
// the required answers, and the router refuses unauthenticated requests where the rule requires
// authentication.
func Parity(t testing.TB, document []byte, router *mux.Router) {
	t.Helper()
	operations, err := Operations(document)
	if err != nil {
		t.Error(err)
	}
	routes, err := routes(router)
	if err != nil {
		t.Error(err)
	}
	for _, operation := range operations {
		if fault := operation.undescribed(); fault != "" {
			t.Errorf("%s %s", operation.Name(), fault)
		}
		if !slices.Contains(routes, operation.Name()) {
			t.Errorf("%s is in the document, but no route", operation.Name())
			continue
		}
		if fault := open(operation, router); fault != "" {
			t.Errorf("%s: %s", operation.Name(), fault)
		}
	}
	for _, route := range routes {
		if !slices.ContainsFunc(operations, func(o Operation) bool { return o.Name() == route }) {
			t.Errorf("%s is a route, but not in the document: describe it with its x-access", route)
		}
	}
}

// routes returns the names of a router's operations.
func routes(router *mux.Router) ([]string, error) {
	var names []string
	err := router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		if route.GetHandler() == nil {
			return nil // a subrouter
		}
		path, err := route.GetPathTemplate()
		if err != nil {
			return fmt.Errorf("a route has no path: %w", err)
		}
		methods, err := route.GetMethods()
		if err != nil {
			return fmt.Errorf("%s takes any method: %w", path, err)
		}
		for _, method := range methods {
			names = append(names, method+" "+path)
		}
		return nil
	})
	return names, err
}

// open returns the answer to an unauthenticated request that should have been refused, or "". The
// request has a remote address.
func open(o Operation, handler http.Handler) string {
	example := o.Example(map[string]string{})
	request := httptest.NewRequest(example.Method, example.Path, bytes.NewReader(example.Body)) //nolint:noctx // answered in this call
	request.Header.Set("Content-Type", "application/json")
	refused := []int{http.StatusUnauthorized}
	switch {
	case o.Rule == Internal:
		refused = append(refused, http.StatusForbidden, http.StatusNotFound)
	case !o.Rule.NeedsToken():
		return ""
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if slices.Contains(refused, answer.Code) {
		return ""
	}
	return fmt.Sprintf("is %s, but answers %d without credentials: %s", o.Rule, answer.Code, strings.TrimSpace(answer.Body.String()))
}
