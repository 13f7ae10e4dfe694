// Package httpapi serves KOS over HTTP, as described in api/openapi.yaml: the protocol of KOS, the
// creation of demo data, and an admin API for tests.
package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/query"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/settings"
)

// Settings provides the current settings.
type Settings interface {
	// Current returns an error until settings have been read.
	Current(ctx context.Context) (*settings.Settings, error)
}

// Answers records answers. It reports whether the record is committed.
type Answers interface {
	Append(ctx context.Context, answer behavior.Answer) bool
}

// Controls changes the behaviour at run time.
type Controls interface {
	// Override returns the override of the endpoint and how many scripted answers are left.
	Override(ctx context.Context, endpoint behavior.Endpoint) (override behavior.Override, steps int, err error)
	SetOverride(ctx context.Context, endpoint behavior.Endpoint, override behavior.Override, script []behavior.ScriptedStep) error
	Reset(ctx context.Context, endpoints ...behavior.Endpoint) error
}

// Troubles starts troubles at endpoints.
type Troubles interface {
	// Overrides returns the overrides by endpoint. Endpoints without one may be missing.
	Overrides(ctx context.Context) (map[behavior.Endpoint]behavior.Override, error)
	SetTroubles(ctx context.Context, troubles map[behavior.Endpoint]behavior.Trouble) error
}

// CallLog counts the calls that reached KOS.
type CallLog interface {
	CountCalls(ctx context.Context, filter behavior.CallFilter) ([]behavior.CallCount, error)
	BusiestMinute(ctx context.Context, filter behavior.CallFilter) (int64, error)
}

// OrderLog reads the order log for audits.
type OrderLog interface {
	// Orders returns a page of the log, oldest first.
	Orders(ctx context.Context, filter billing.OrderFilter) ([]billing.Placed, error)
}

// Registrations knows which lines are registered with PhoneBill.
type Registrations interface {
	// Registered returns a *problem.Error if the answer is not available.
	Registered(ctx context.Context, customerID string, number msisdn.Number) (bool, error)
}

// Params are the dependencies of the API.
type Params struct {
	Settings      Settings
	Gate          *behavior.Gate
	Answers       Answers
	Directory     *billing.Directory
	Orders        *billing.Orders
	OrderLog      OrderLog
	Registrations Registrations
	Controls      Controls
	Troubles      Troubles
	CallLog       CallLog
	Registerer    prometheus.Registerer
	Now           func() time.Time
}

// API is the service's httpserver.Registrar.
type API struct {
	Params
	calls *prometheus.CounterVec
}

// New returns the API.
func New(p Params) *API {
	return &API{Params: p, calls: newCallCounter(p.Registerer)}
}

// Register implements httpserver.Registrar. The routes are grouped by required authentication.
func (a *API) Register(r *mux.Router) {
	// Registered clients. Paths are fixed and ids are in bodies, because clients keep a circuit
	// breaker for each path.
	r.Handle("/api/kos/auth", a.kos(behavior.Auth, newCredentials)).Methods(http.MethodPost)
	r.Handle("/api/kos/bill-inquiry", a.kos(behavior.BillInquiry, newBillInquiry)).Methods(http.MethodPost)
	r.Handle("/api/kos/product-inquiry", a.kos(behavior.ProductInquiry, newProductInquiry)).Methods(http.MethodPost)
	r.Handle("/api/kos/products", a.kos(behavior.Products, newCatalogue)).Methods(http.MethodGet)
	r.Handle("/api/kos/product-change", a.kos(behavior.ProductChange, newProductChange)).Methods(http.MethodPost)
	r.Handle("/api/kos/product-change-status", a.kos(behavior.ProductChangeStatus, newChangeStatus)).Methods(http.MethodPost)

	// Public, if enabled in the settings.
	demo := r.MatcherFunc(a.where(func(s *settings.Settings) bool { return s.MockDataEnabled })).Subrouter()
	demo.Handle("/api/v1/kos/mock-datas", httpjson.Handler(a.makeMockData)).Methods(http.MethodPost)

	// Tests, if enabled in the settings. Never routed by the ingress.
	admin := r.MatcherFunc(a.where(func(s *settings.Settings) bool { return s.AdminEnabled })).Subrouter()
	admin.Handle("/admin/behavior", httpjson.Handler(a.resetAll)).Methods(http.MethodDelete)
	admin.Handle("/admin/behavior/{endpoint}", httpjson.Handler(a.showBehavior)).Methods(http.MethodGet)
	admin.Handle("/admin/behavior/{endpoint}", httpjson.Handler(a.changeBehavior)).Methods(http.MethodPut)
	admin.Handle("/admin/behavior/{endpoint}", httpjson.Handler(a.resetBehavior)).Methods(http.MethodDelete)
	admin.Handle("/admin/troubles", httpjson.Handler(a.listTroubles)).Methods(http.MethodGet)
	admin.Handle("/admin/troubles", httpjson.Handler(a.makeTrouble)).Methods(http.MethodPost)
	admin.Handle("/admin/calls", query.Declare(httpjson.Handler(a.countCalls),
		"endpoint", "client", "requestId", "since")).Methods(http.MethodGet)
	admin.Handle("/admin/calls", httpjson.Handler(a.countCallsOf)).Methods(http.MethodPost)
	admin.Handle("/admin/lines/move", httpjson.Handler(a.moveLine)).Methods(http.MethodPost)
	admin.Handle("/admin/orders", query.Declare(httpjson.Handler(a.listOrders),
		"client", "since", "after", "size")).Methods(http.MethodGet)
}

// where matches requests while the settings allow it. Otherwise the routes do not exist.
func (a *API) where(allowed func(*settings.Settings) bool) mux.MatcherFunc {
	return func(r *http.Request, _ *mux.RouteMatch) bool {
		current, err := a.Settings.Current(r.Context())
		return err == nil && allowed(current)
	}
}
