// Package httpapi serves the routes of api/openapi.yaml.
package httpapi

import (
	"context"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/query"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// Inquiries are the use cases of the routes. See bill.Inquiries.
type Inquiries interface {
	Menu(ctx context.Context, caller bill.Caller) (bill.Menu, error)
	Inquire(ctx context.Context, caller bill.Caller, s bill.Subject, async bool) (bill.Inquiry, error)
	Result(ctx context.Context, caller bill.Caller, requestID string) (bill.Inquiry, error)
	History(ctx context.Context, caller bill.Caller, filter bill.Filter) (bill.Page, error)
}

var _ Inquiries = (*bill.Inquiries)(nil)

// Lines handles plan changes of lines. See bill.Invalidator.
type Lines interface {
	Changed(ctx context.Context, customer string, line msisdn.Number) error
}

var _ Lines = (*bill.Invalidator)(nil)

// Logins handles logins of users. See bill.Prefetcher.
type Logins interface {
	LoggedIn(ctx context.Context, customer string, lines []msisdn.Number) error
}

var _ Logins = (*bill.Prefetcher)(nil)

// API has the handlers of the routes.
type API struct {
	inquiries Inquiries
	lines     Lines
	logins    Logins
	auth      *jwtauth.Authenticator
	consumer  *events.Consumer
	gate      *sidecar.Gate
	answers   *billAnswers
}

// Params are the dependencies of an API.
type Params struct {
	Inquiries Inquiries
	Lines     Lines
	Logins    Logins
	Auth      *jwtauth.Authenticator // of users
	Consumer  *events.Consumer
	Gate      *sidecar.Gate // admits only the sidecar to the routes of events
}

// New returns an API.
func New(p Params) *API {
	return &API{
		inquiries: p.Inquiries, lines: p.Lines, logins: p.Logins, auth: p.Auth, consumer: p.Consumer, gate: p.Gate,
		answers: newBillAnswers(),
	}
}

// Register adds all routes. Inquiries only read: while the session store is down, a
// signed token suffices for them, also by POST.
func (a *API) Register(r *mux.Router) {
	bills := r.PathPrefix("/api/v1/bills").Subrouter()
	bills.Use(a.auth.Middleware, jwtauth.Require(bill.Permission))
	bills.Handle("/menu", httpjson.Handler(a.menu)).Methods(http.MethodGet)
	bills.Handle("/inquiry", httpjson.Handler(a.inquire)).Methods(http.MethodPost)
	bills.Handle("/inquiry/{requestId}", httpjson.Handler(a.result)).Methods(http.MethodGet)
	bills.Handle("/history", query.Declare(httpjson.Handler(a.history),
		"lineNumber", "startDate", "endDate", "page", "size", "status")).Methods(http.MethodGet)

	// Events, delivered by the sidecar. The ingress does not route them.
	r.Handle("/events/product-changed", a.gate.Middleware(a.productChanged())).Methods(http.MethodPost)
	r.Handle("/events/user-logged-in", a.gate.Middleware(a.userLoggedIn())).Methods(http.MethodPost)
}

// callerOf returns the caller of a request.
func callerOf(r *http.Request) bill.Caller {
	principal := jwtauth.From(r.Context())
	lines := make([]msisdn.Number, len(principal.Lines))
	for i, line := range principal.Lines {
		lines[i] = msisdn.Number(line)
	}
	return bill.Caller{UserID: principal.UserID, CustomerID: principal.CustomerID, Lines: lines}
}
