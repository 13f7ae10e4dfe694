// Package httpapi serves bill inquiries over HTTP, as api/openapi.yaml says.
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

// Inquiries are the use cases that are served. See bill.Inquiries.
type Inquiries interface {
	Menu(ctx context.Context, asker bill.Asker) (bill.Menu, error)
	Inquire(ctx context.Context, asker bill.Asker, s bill.Subject, async bool) (bill.Inquiry, error)
	Result(ctx context.Context, asker bill.Asker, requestID string) (bill.Inquiry, error)
	History(ctx context.Context, asker bill.Asker, filter bill.Filter) (bill.Page, error)
}

var _ Inquiries = (*bill.Inquiries)(nil)

// Lines are told of lines that have a new plan. See bill.Invalidator.
type Lines interface {
	Changed(ctx context.Context, customer string, line msisdn.Number) error
}

var _ Lines = (*bill.Invalidator)(nil)

// Logins are told of users who have logged in. See bill.Prefetcher.
type Logins interface {
	LoggedIn(ctx context.Context, customer string, lines []msisdn.Number) error
}

var _ Logins = (*bill.Prefetcher)(nil)

// API is the service's HTTP side.
type API struct {
	inquiries Inquiries
	lines     Lines
	logins    Logins
	auth      *jwtauth.Authenticator
	consumer  *events.Consumer
	gate      *sidecar.Gate
}

// Params is what an API needs.
type Params struct {
	Inquiries Inquiries
	Lines     Lines
	Logins    Logins
	Auth      *jwtauth.Authenticator // users prove themselves to it
	Consumer  *events.Consumer       // takes the events that lines and logins are told of
	Gate      *sidecar.Gate          // events come through it
}

// New returns the API of inquiries.
func New(p Params) *API {
	return &API{
		inquiries: p.Inquiries, lines: p.Lines, logins: p.Logins, auth: p.Auth, consumer: p.Consumer, gate: p.Gate,
	}
}

// Register adds all routes. An inquiry reads, whatever its method: it needs no
// more than a signed token while the session store is away.
func (a *API) Register(r *mux.Router) {
	bills := r.PathPrefix("/api/v1/bills").Subrouter()
	bills.Use(a.auth.Middleware, jwtauth.Require(bill.Permission))
	bills.Handle("/menu", httpjson.Handler(a.menu)).Methods(http.MethodGet)
	bills.Handle("/inquiry", httpjson.Handler(a.inquire)).Methods(http.MethodPost)
	bills.Handle("/inquiry/{requestId}", httpjson.Handler(a.result)).Methods(http.MethodGet)
	bills.Handle("/history", query.Declare(httpjson.Handler(a.history),
		"lineNumber", "startDate", "endDate", "page", "size", "status")).Methods(http.MethodGet)

	// The sidecar, which delivers events. No ingress routes this.
	r.Handle("/events/product-changed", a.gate.Middleware(a.productChanged())).Methods(http.MethodPost)
	r.Handle("/events/user-logged-in", a.gate.Middleware(a.userLoggedIn())).Methods(http.MethodPost)
}

// asker returns who sends r.
func asker(r *http.Request) bill.Asker {
	principal := jwtauth.From(r.Context())
	lines := make([]msisdn.Number, len(principal.Lines))
	for i, line := range principal.Lines {
		lines[i] = msisdn.Number(line)
	}
	return bill.Asker{UserID: principal.UserID, CustomerID: principal.CustomerID, Lines: lines}
}
