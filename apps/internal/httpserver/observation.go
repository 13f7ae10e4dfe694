package httpserver

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// observation is the context of a request, with what the server and its handlers note
// about it. It is one value, and not a chain of contexts, to cost one allocation.
type observation struct {
	context.Context // of the connection, with the span

	route  string
	client netip.Addr
	record telemetry.Record
	answer response
}

type observationKey struct{}

// Value implements context.Context.
func (o *observation) Value(key any) any {
	switch key.(type) {
	case observationKey:
		return o
	case telemetry.RecordKey:
		return &o.record
	}
	return o.Context.Value(key)
}

// withRoute passes the template of the matched route to the observer, such as
// "/users/{userId}". Paths are not logged, as they hold ids.
func withRoute(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seen, ok := r.Context().Value(observationKey{}).(*observation); ok {
			if template, err := mux.CurrentRoute(r).GetPathTemplate(); err == nil {
				seen.route = template
			}
		}
		next.ServeHTTP(w, r)
	})
}
