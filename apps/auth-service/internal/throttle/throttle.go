// Package throttle slows down addresses that fail too often. It is a cheap first defence, in memory
// and per replica; exact limits, such as the lock-out of an account, are enforced elsewhere.
//
// Successful requests are free: thousands of customers may share the address of a mobile operator's
// NAT, and none is refused because of their number. Failures of one user do not affect users who
// have logged in from the same address before.
package throttle

import (
	"net/netip"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// ErrTooMany refuses a caller that has used up its budget.
var ErrTooMany = problem.New(problem.TooManyRequests, "RATE_LIMITED", "요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.")

// Config sets the budgets of each address. They count failures, except Register, which counts all
// requests.
type Config struct {
	// Login counts all failed logins, LoginUser those as one user.
	Login     Rate `env:"THROTTLE_LOGIN" envDefault:"100/10m"`
	LoginUser Rate `env:"THROTTLE_LOGIN_USER" envDefault:"10/10m"`
	Refresh   Rate `env:"THROTTLE_REFRESH" envDefault:"100/10m"`
	Password  Rate `env:"THROTTLE_CHANGE_PASSWORD" envDefault:"20/10m"`
	// Register limits the KOS calls of registrations: this burst leaves four fifths of KOS's rate
	// limit to other callers.
	Register Rate `env:"THROTTLE_REGISTER" envDefault:"20/2m"`
}

// knownAge is how long a user who has logged in from an address counts as known there; maxKnown
// bounds the number of such pairs.
const (
	knownAge = 30 * 24 * time.Hour
	maxKnown = 50_000
)

// visitor is a user at an address.
type visitor struct {
	from netip.Prefix
	user string
}

// maxUser is the length of the longest user id; longer ones cannot exist.
const maxUser = 20

// visitorOf ignores the case of the id, and copies only the part that it keeps, because the client
// chooses the length of the text.
func visitorOf(from netip.Addr, user string) visitor {
	return visitor{network(from), strings.ToLower(strings.Clone(user[:min(len(user), maxUser)]))}
}

// Throttle keeps the budgets. It is safe for concurrent use.
type Throttle struct {
	now                                func() time.Time
	login, refresh, password, register *budgets[netip.Prefix]
	loginUser                          *budgets[visitor]
	known                              *otter.Cache[visitor, struct{}]
	refused                            *prometheus.CounterVec
}

// New returns a Throttle that registers a counter of refusals with reg.
func New(cfg Config, now func() time.Time, reg prometheus.Registerer) *Throttle {
	t := &Throttle{
		now:       now,
		login:     newBudgets[netip.Prefix](cfg.Login),
		loginUser: newBudgets[visitor](cfg.LoginUser),
		refresh:   newBudgets[netip.Prefix](cfg.Refresh),
		password:  newBudgets[netip.Prefix](cfg.Password),
		register:  newBudgets[netip.Prefix](cfg.Register),
		known: otter.Must(&otter.Options[visitor, struct{}]{
			MaximumSize:      maxKnown,
			ExpiryCalculator: otter.ExpiryWriting[visitor, struct{}](knownAge),
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_auth_throttled_total",
			Help: "Requests refused because their address had failed too often, by operation: login, refresh, change_password or register.",
		}, []string{"what"}),
	}
	reg.MustRegister(t.refused)
	return t
}

// Done reports whether an admitted request is charged to the budget. It must be called exactly
// once.
type Done func(costs bool)

// Login returns an attempt to log in as a user, or ErrTooMany if the budgets are used up.
func (t *Throttle) Login(from netip.Addr, user string) (*Attempt, error) {
	a := &Attempt{throttle: t, who: visitorOf(from, user)}
	done, err := t.admitLogin(a.who)
	if err != nil {
		return nil, err
	}
	done(false)
	return a, nil
}

// Attempt is a login. It is in progress only while its password is verified: how many customers of
// one address wait for that does not matter to its budget.
type Attempt struct {
	throttle *Throttle
	who      visitor
	done     Done
}

// Begin admits the attempt directly before its password is verified, or returns ErrTooMany.
func (a *Attempt) Begin() (err error) {
	a.done, err = a.throttle.admitLogin(a.who)
	return err
}

// End reports whether the attempt has failed. It does nothing if the attempt has not begun.
func (a *Attempt) End(failed bool) {
	if a.done != nil {
		a.done(failed)
	}
}

func (t *Throttle) admitLogin(who visitor) (Done, error) {
	asUser, err := t.begin("login", t.loginUser.of(who), exact)
	if err != nil {
		return nil, err
	}
	if _, ok := t.known.GetIfPresent(who); ok {
		return asUser, nil
	}
	fromThere, err := t.begin("login", t.login.of(who.from), spread)
	if err != nil {
		asUser(false)
		return nil, err
	}
	return func(costs bool) {
		asUser(costs)
		fromThere(costs)
	}, nil
}

// LoginSucceeded remembers that a user has logged in from an address.
func (t *Throttle) LoginSucceeded(from netip.Addr, user string) {
	t.known.Set(visitorOf(from, user), struct{}{})
}

// Refresh admits a refresh, or returns ErrTooMany.
func (t *Throttle) Refresh(from netip.Addr) (Done, error) {
	return t.begin("refresh", t.refresh.of(network(from)), spread)
}

// ChangePassword admits a change of password, or returns ErrTooMany.
func (t *Throttle) ChangePassword(from netip.Addr) (Done, error) {
	return t.begin("change_password", t.password.of(network(from)), spread)
}

// Register admits a registration, or returns ErrTooMany.
func (t *Throttle) Register(from netip.Addr) (Done, error) {
	return t.begin("register", t.register.of(network(from)), spread)
}

func (t *Throttle) begin(what string, b *budget, after func(wait time.Duration) time.Duration) (Done, error) {
	wait, ok := b.begin(t.now())
	if !ok {
		t.refused.WithLabelValues(what).Inc()
		return nil, ErrTooMany.After(after(wait))
	}
	return func(costs bool) { b.end(t.now(), costs) }, nil
}

// network returns the prefix that commonly belongs to one customer: the address for IPv4, its /64
// for IPv6.
func network(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // without an address: these requests share a budget
	return prefix
}
