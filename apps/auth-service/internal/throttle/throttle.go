// Package throttle slows down who guesses, floods or tries out, by where the
// requests come from. It is a cheap first line, in memory and of one replica;
// what must be exact is for others, such as the lock of an account.
//
// What goes well costs nothing: thousands of customers may share the address of
// a mobile carrier, and none of them is kept out because there are many. Nor do
// the failures of one keep the others out who have logged in from there before.
package throttle

import (
	"net/netip"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// ErrTooMany refuses a caller who has used up a budget.
var ErrTooMany = problem.New(problem.TooManyRequests, "RATE_LIMITED", "요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.")

// Config are the budgets, each of one address. They count failures, except
// Register, which counts all.
type Config struct {
	// Login is for all failed logins, and LoginUser for those as one user.
	Login     Rate `env:"THROTTLE_LOGIN" envDefault:"100/10m"`
	LoginUser Rate `env:"THROTTLE_LOGIN_USER" envDefault:"10/10m"`
	Refresh   Rate `env:"THROTTLE_REFRESH" envDefault:"100/10m"`
	Password  Rate `env:"THROTTLE_CHANGE_PASSWORD" envDefault:"20/10m"`
	// Register has KOS asked about a line: so many at once leave four fifths of
	// what KOS allows in a minute to others.
	Register Rate `env:"THROTTLE_REGISTER" envDefault:"20/2m"`
}

// knownAge is how long somebody who has logged in from an address is known
// there, and maxKnown how many are.
const (
	knownAge = 30 * 24 * time.Hour
	maxKnown = 50_000
)

// visitor is a user at an address.
type visitor struct {
	from netip.Prefix
	user string
}

// maxUser is how long an id may be; what is longer is nobody's.
const maxUser = 20

// visitorOf makes one of all cases of an id, and copies what it keeps of it: the
// rest is as long as the client likes.
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

// New returns a Throttle that counts whom it refuses in reg.
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
			Help: "Requests refused because their address had failed too often, by what was asked.",
		}, []string{"what"}),
	}
	reg.MustRegister(t.refused)
	return t
}

// Done tells whether what was let through cost its caller something. It must be
// called once.
type Done func(costs bool)

// Login lets a login as a user through, or returns ErrTooMany.
func (t *Throttle) Login(from netip.Addr, user string) (Done, error) {
	who := visitorOf(from, user)
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

// Welcome remembers that a user has logged in from an address.
func (t *Throttle) Welcome(from netip.Addr, user string) {
	t.known.Set(visitorOf(from, user), struct{}{})
}

// Refresh lets a refresh through, or returns ErrTooMany.
func (t *Throttle) Refresh(from netip.Addr) (Done, error) {
	return t.begin("refresh", t.refresh.of(network(from)), spread)
}

// ChangePassword lets a change of a password through, or returns ErrTooMany.
func (t *Throttle) ChangePassword(from netip.Addr) (Done, error) {
	return t.begin("change_password", t.password.of(network(from)), spread)
}

// Register lets a registration through, or returns ErrTooMany.
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

// network returns whom an address belongs to, as far as that can be told: of
// IPv6, one customer commonly has 2^64.
func network(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // of no address: all of these share a budget
	return prefix
}
