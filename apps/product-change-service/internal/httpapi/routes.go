// Package httpapi serves plans and changes over HTTP, as api/openapi.yaml specifies, and
// handles delivered events.
package httpapi

import (
	"context"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/query"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Requests are the use cases of changes. See change.Requests.
type Requests interface {
	Submit(ctx context.Context, caller change.Caller, order change.Order, key change.Key, async bool) (change.Change, error)
	Result(ctx context.Context, caller change.Caller, requestID string) (change.Change, error)
	History(ctx context.Context, caller change.Caller, filter change.Filter) (change.Page, error)
}

// Plans are the use cases of plans. See product.Plans.
type Plans interface {
	Subscriber(ctx context.Context, s product.Subscription) (product.Subscriber, error)
	Offers(ctx context.Context, s product.Subscription, current, operator string) (product.Catalogue, error)
	Inspect(ctx context.Context, s product.Subscription, current, target string) (product.Inspection, error)
	// Changed invalidates all copies of a subscription.
	Changed(ctx context.Context, s product.Subscription) error
}

var (
	_ Requests = (*change.Requests)(nil)
	_ Plans    = (*product.Plans)(nil)
)

// API has the routes of the service.
type API struct {
	requests Requests
	plans    Plans
	auth     *jwtauth.Authenticator
	consumer *events.Consumer
	gate     *sidecar.Gate
}

// New returns the API of requests and plans. auth authenticates users; gate admits the
// sidecar's events.
func New(requests Requests, plans Plans, auth *jwtauth.Authenticator, consumer *events.Consumer, gate *sidecar.Gate) *API {
	return &API{requests: requests, plans: plans, auth: auth, consumer: consumer, gate: gate}
}

// Register adds all routes. The order of a change is the only write: it is refused while
// sessions cannot be verified. The ingress does not route events, which the sidecar
// delivers.
func (a *API) Register(r *mux.Router) {
	r.Handle("/events/product-changed", a.gate.Middleware(a.productChanged())).Methods(http.MethodPost)

	products := r.PathPrefix("/api/v1/products").Subrouter()
	products.Use(a.auth.Middleware, jwtauth.Require(product.Permission))
	products.Handle("/menu", httpjson.Handler(a.menu)).Methods(http.MethodGet)
	products.Handle("/customer", query.Declare(httpjson.Handler(a.customer), "lineNumber")).Methods(http.MethodGet)
	products.Handle("/customer/{lineNumber}", httpjson.Handler(a.customerOfLine)).Methods(http.MethodGet)
	products.Handle("/available", query.Declare(httpjson.Handler(a.available), "currentProductCode", "operatorCode")).Methods(http.MethodGet)
	products.Handle("/change/validation", httpjson.Handler(a.validate)).Methods(http.MethodPost)
	products.Handle("/change", jwtauth.RefuseDegraded(httpjson.Handler(a.change))).Methods(http.MethodPost)
	products.Handle("/change/{requestId}", httpjson.Handler(a.result)).Methods(http.MethodGet)
	products.Handle("/history", query.Declare(httpjson.Handler(a.history),
		"lineNumber", "startDate", "endDate", "page", "size", "status")).Methods(http.MethodGet)
}

// callerOf returns the authenticated user of r.
func callerOf(r *http.Request) change.Caller {
	principal := jwtauth.From(r.Context())
	lines := make([]msisdn.Number, len(principal.Lines))
	for i, line := range principal.Lines {
		lines[i] = msisdn.Number(line)
	}
	return change.Caller{UserID: principal.UserID, CustomerID: principal.CustomerID, Lines: lines}
}
