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
	Subscriber(ctx context.Context, s product.Subscription, wait product.Wait) (product.Subscriber, error)
	Offers(ctx context.Context, s product.Subscription, current, operator string, wait product.Wait) (product.Catalogue, error)
	PreCheck(ctx context.Context, s product.Subscription, current, target string) (product.Inspection, error)
	// Changed invalidates all copies of a subscription.
	Changed(ctx context.Context, s product.Subscription) error
}

// Logins prefetches after logins. See product.Prefetcher.
type Logins interface {
	LoggedIn(ctx context.Context, customer string, lines []msisdn.Number) error
}

var (
	_ Requests = (*change.Requests)(nil)
	_ Plans    = (*product.Plans)(nil)
	_ Logins   = (*product.Prefetcher)(nil)
)

// API has the routes of the service.
type API struct{ Params }

// Params are the dependencies of an API.
type Params struct {
	Requests Requests
	Plans    Plans
	Logins   Logins // nil if prefetching is off
	Auth     *jwtauth.Authenticator
	Consumer *events.Consumer
	Gate     *sidecar.Gate // admits the sidecar's events
}

// New returns the API.
func New(p Params) *API { return &API{p} }

// Register adds all routes. The order of a change is the only write: it is refused while
// sessions cannot be verified. The ingress does not route events, which the sidecar
// delivers.
func (a *API) Register(r *mux.Router) {
	r.Handle("/events/product-changed", a.Gate.Middleware(a.productChanged())).Methods(http.MethodPost)
	r.Handle("/events/user-logged-in", a.Gate.Middleware(a.userLoggedIn())).Methods(http.MethodPost)

	products := r.PathPrefix("/api/v1/products").Subrouter()
	products.Use(a.Auth.Middleware, jwtauth.Require(product.Permission))
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
