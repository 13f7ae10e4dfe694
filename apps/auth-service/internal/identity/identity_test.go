package identity_test

import (
	"errors"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// world is the domain with test doubles for its dependencies.
type world struct {
	sessions *identity.Sessions
	accounts *identity.Accounts
	admin    *identity.Administration

	store     *identitytest.Memory
	live      *identitytest.Sessions
	passwords *identitytest.Passwords
	tokens    *identitytest.Tokens
	carrier   *identitytest.Carrier
	recorder  *identitytest.Recorder
	history   *identitytest.History
	clock     *identitytest.Clock
}

var (
	kim = identitytest.Customer("kim", "CUST1", "01011112222")
	lee = identitytest.Customer("lee", "CUST2", "01033334444")
)

// setup returns a world with the users kim and lee and the administrator root.
func setup() *world {
	clock := &identitytest.Clock{}
	w := &world{
		store:     identitytest.NewMemory(clock.Now, kim, lee, identitytest.Administrator("root")),
		live:      identitytest.NewSessions(),
		passwords: &identitytest.Passwords{},
		tokens:    &identitytest.Tokens{},
		carrier:   &identitytest.Carrier{Customers: map[msisdn.Number]string{}},
		recorder:  &identitytest.Recorder{},
		history:   &identitytest.History{},
		clock:     clock,
	}
	guard := identity.NewGuard(identity.GuardParams{Credentials: w.store, Passwords: w.passwords, Attempts: w.store})
	w.sessions = identity.NewSessions(identity.SessionsParams{
		Guard: guard, Tokens: w.tokens, Index: w.store, Store: w.live,
		History: w.history, Recorder: w.recorder, Now: clock.Now,
		Lifetimes: identity.Lifetimes{
			Idle: 30 * time.Minute, AutoLoginIdle: 24 * time.Hour, Absolute: 12 * time.Hour, AutoLoginAbsolute: 720 * time.Hour,
			Refresh: 24 * time.Hour, Grace: grace,
		},
	})
	w.accounts = identity.NewAccounts(identity.AccountsParams{
		Users: w.store, Credentials: w.store, Guard: guard, Passwords: w.passwords, Carrier: w.carrier,
		Sessions: w.live, Recorder: w.recorder,
	})
	w.admin = identity.NewAdministration(w.store, &identitytest.Trail{}, w.live, w.recorder, clock.Now)
	return w
}

// grace is the grace period of refresh tokens in these tests.
const grace = 5 * time.Second

// login returns a grant for kim.
func (w *world) login(t *testing.T) identity.Grant {
	t.Helper()
	grant, err := w.sessions.Login(t.Context(), credentials("kim", identitytest.Password))
	wantError(t, err, nil)
	return grant
}

// caller returns kim in the session of a grant.
func (w *world) caller(t *testing.T, g identity.Grant) identity.Caller {
	t.Helper()
	return identity.Caller{UserID: "kim", SessionID: w.session(t, g), Permissions: g.User.Permissions}
}

// session returns the session id of a grant.
func (w *world) session(t *testing.T, g identity.Grant) string {
	t.Helper()
	token, err := w.tokens.ReadRefresh(t.Context(), g.Refresh)
	wantError(t, err, nil)
	return token.SessionID
}

func credentials(id, password string) identity.LoginRequest {
	return identity.LoginRequest{UserID: id, Password: password}
}

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}

// faultyFields returns the fields that a validation error names.
func faultyFields(t *testing.T, err error) map[string]bool {
	t.Helper()
	wantError(t, err, problem.ErrValidation)
	details, ok := problem.From(err).Details.(problem.FieldErrors)
	if !ok {
		t.Fatalf("details are %v", problem.From(err).Details)
	}
	fields := make(map[string]bool)
	for field, message := range details.Fields {
		fields[field] = message != ""
	}
	return fields
}

func TestMemoryFulfilsStoreContract(t *testing.T) {
	t.Parallel()
	identitytest.RunStore(t, func(_ *testing.T, now func() time.Time) identitytest.Store { return identitytest.NewMemory(now) })
}

func TestMemoryFulfilsLoginHistoryContract(t *testing.T) {
	t.Parallel()
	identitytest.RunLoginHistory(t, &identitytest.History{})
}

func TestMemoryFulfilsSessionStoreContract(t *testing.T) {
	t.Parallel()
	identitytest.RunSessionStore(t, func(*testing.T) identitytest.SessionStore { return identitytest.NewSessions() })
}
