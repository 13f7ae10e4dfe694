// Package portal has the routes of the customers' and the administrators' screens.
package portal

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/query"
	"github.com/phonebill/phonebill/apps/web-portal/internal/assets"
	"github.com/phonebill/phonebill/apps/web-portal/internal/browser"
	"github.com/phonebill/phonebill/apps/web-portal/internal/pages"
	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

// Permissions, by what they allow here.
const (
	mayInquire    = upstream.PermissionInquire
	mayChange     = upstream.PermissionChange
	mayAdminister = upstream.PermissionAdmin
)

// Portal has the routes.
type Portal struct{ Params }

// Params are the dependencies of a Portal.
type Params struct {
	Services   *upstream.Client
	Sessions   *browser.Sessions
	Protection *http.CrossOriginProtection
	Pages      *pages.Pages
	Assets     *assets.Assets
	// Idle is the time without requests after which auth-service ends a session.
	Idle time.Duration
	Now  func() time.Time
}

// New returns the portal.
func New(p Params) *Portal { return &Portal{p} }

// Register adds all routes. Pages ignore query parameters that they do not know, because
// other sites add their own to links.
func (p *Portal) Register(r *mux.Router) {
	p.Assets.Register(r)
	p.Protection.SetDenyHandler(p.handler(p.foreign))
	get := func(path string, screen screen) {
		r.Handle(path, query.Tolerate(p.handler(screen))).Methods(http.MethodGet)
	}
	post := func(path string, screen screen) {
		r.Handle(path, query.Tolerate(p.Protection.Handler(p.handler(p.form(screen))))).Methods(http.MethodPost)
	}
	get("/login", p.loginPage)
	post("/login", p.login)
	get("/register", p.registerPage)
	post("/register", p.register)
	post("/logout", p.logout)
	post("/language", p.language)

	get("/", p.inside(p.home))
	get("/session", p.inside(p.keep))
	get("/bills", p.inside(p.bill))
	get("/bills/months", p.inside(p.months))
	get("/bills/inquiries", p.inside(p.inquiries))
	get("/bills/inquiries/{id}", p.inside(p.inquiry))
	get("/plans", p.inside(p.plans))
	get("/plans/{code}", p.inside(p.plan))
	post("/plans/{code}/change", p.inside(p.change))
	get("/changes", p.inside(p.changes))
	get("/changes/{id}", p.inside(p.changeState))
	get("/account", p.inside(p.account))
	post("/account/password", p.inside(p.password))
	post("/account/sessions/{id}/end", p.inside(p.endSession))
	post("/account/logout-everywhere", p.inside(p.logoutEverywhere))

	const user = "/admin/users/{id}"
	for _, act := range []string{user + "/{act:suspend|reinstate|unlock}", user + "/permissions/{code:ADMIN|BILL_INQUIRY|PRODUCT_CHANGE}/{act:grant|revoke}"} {
		get(act, p.administration(p.confirm))
		post(act, p.administration(p.perform))
	}
	get(user, p.administration(p.showMember))
	get("/admin/users", p.administration(p.users))
	post("/admin/users", p.administration(p.users))
	get("/admin/audit", p.administration(p.audit))
	post("/admin/audit", p.administration(p.audit))

	// The matcher comes first: mux forgets the mismatch of a method when a path matches.
	r.MatcherFunc(acceptsPages).PathPrefix("/").Handler(query.Tolerate(p.handler(p.unknown)))
}

// acceptsPages matches requests of browsers. Other clients get the envelope of the API for an
// unknown path, as they did before there was a portal. A path that has a route for other methods is
// known, but a browser that is led to the address of a form gets a page too.
func acceptsPages(r *http.Request, match *mux.RouteMatch) bool {
	known := errors.Is(match.MatchErr, mux.ErrMethodMismatch)
	return strings.Contains(r.Header.Get("Accept"), "text/html") && (!known || r.Method == http.MethodGet)
}
