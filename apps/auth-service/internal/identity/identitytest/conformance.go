package identitytest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Customer returns an account of a customer with the password Password.
func Customer(id, customerID string, line msisdn.Number) identity.Account {
	return identity.Account{
		User: identity.User{
			ID: id, Name: "이름 " + id, CustomerID: customerID, Line: line, Status: identity.StatusActive,
			Permissions: []string{identity.PermissionBillInquiry, identity.PermissionProductChange},
		},
		PasswordHash: HashOf(Password),
	}
}

// Password is the password of all test accounts.
const Password = "correct horse"

// Administrator returns an account of an administrator, which has no customer and no line.
func Administrator(id string) identity.Account {
	a := Customer(id, "", "")
	a.Permissions = []string{identity.PermissionAdmin}
	return a
}

// session returns a session of a customer.
func session(id, userID string) identity.Session {
	return identity.Session{ID: id, UserID: userID, Permissions: Customer(userID, "", "").Permissions}
}

// hour returns a time one hour from now.
func (c storeChecks) hour() time.Time { return c.clock.Now().Add(time.Hour) }

// RunStore checks that stores fulfil the contracts of identity.Users, Credentials, SessionIndex,
// Attempts and Directory. newStore returns an empty store for each test.
func RunStore(t *testing.T, newStore func(t *testing.T, now func() time.Time) Store) {
	t.Helper()
	checks := map[string]func(storeChecks){
		"a created account is found":                     storeChecks.createdIsFound,
		"an administrator is found":                      storeChecks.administratorIsFound,
		"a taken id, customer or line is refused":        storeChecks.takenIsRefused,
		"a line is registered with its customer only":    storeChecks.registrationMatchesBoth,
		"a session is extended until closed":             storeChecks.sessionIsExtended,
		"an old hash opens no session":                   storeChecks.oldHashOpensNoSession,
		"an outdated session is not opened":              storeChecks.outdatedIsNotOpened,
		"a new password ends the other sessions":         storeChecks.newPasswordEndsOthers,
		"the password stays if sessions cannot be ended": storeChecks.failedEndChangesNothing,
		"a concurrent password change is refused":        storeChecks.secondChangeFails,
		"an unknown user is not found":                   storeChecks.unknownUserIsNotFound,
		"the fifth failure locks the id":                 storeChecks.fifthFailureLocks,
		"a success resets the failures":                  storeChecks.successResetsFailures,
		"failures expire":                                storeChecks.failuresExpire,
		"concurrent attempts are counted exactly":        storeChecks.concurrentAttemptsAreCounted,
		"administrators see locks":                       storeChecks.administratorsSeeLocks,
		"a hash is renewed once":                         storeChecks.hashIsRenewedOnce,
		"sessions are listed":                            storeChecks.sessionsAreListed,
		"an id is found whatever its case":               storeChecks.idIsFoundInAnyCase,
		"an id in another case is taken":                 storeChecks.idInAnotherCaseIsTaken,
	}
	maps.Copy(checks, directoryChecks())
	maps.Copy(checks, moveChecks())
	for name, check := range checks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := &Clock{}
			check(storeChecks{t, newStore(t, clock.Now), clock})
		})
	}
}

// storeChecks are the checks of one store.
type storeChecks struct {
	t     *testing.T
	store Store
	clock *Clock
}

func (c storeChecks) createdIsFound() {
	want := Customer("kim", "CUST1", "01011112222")
	c.create(want)
	got, err := c.store.Account(c.t.Context(), "kim")
	same(c.t, err, got, want)
	user, err := c.store.User(c.t.Context(), "kim")
	same(c.t, err, user, want.User)
}

func (c storeChecks) administratorIsFound() {
	c.create(Administrator("root"), Administrator("root2")) // several accounts may have no line
	got, err := c.store.Account(c.t.Context(), "root")
	same(c.t, err, got, Administrator("root"))
}

func (c storeChecks) takenIsRefused() {
	c.create(Customer("kim", "CUST1", "01011112222"))
	for want, account := range map[error]identity.Account{
		identity.ErrUserIDTaken:   Customer("kim", "CUST2", "01033334444"),
		identity.ErrCustomerTaken: Customer("lee", "CUST1", "01033334444"),
		identity.ErrLineTaken:     Customer("lee", "CUST2", "01011112222"),
	} {
		wantError(c.t, c.store.Available(c.t.Context(), account.User), want)
		wantError(c.t, c.store.Create(c.t.Context(), account), want)
	}
	wantError(c.t, c.store.Available(c.t.Context(), Customer("lee", "CUST2", "01033334444").User), nil)
	_, err := c.store.User(c.t.Context(), "lee")
	wantError(c.t, err, identity.ErrUserNotFound)
}

func (c storeChecks) registrationMatchesBoth() {
	c.create(Customer("kim", "CUST1", "01011112222"), Customer("lee", "CUST2", "01033334444"))
	for _, tc := range []struct {
		customer string
		line     msisdn.Number
		want     bool
	}{
		{"CUST1", "01011112222", true},
		{"CUST1", "01033334444", false},
		{"CUST3", "01011112222", false},
	} {
		got, err := c.store.Registered(c.t.Context(), tc.customer, tc.line)
		same(c.t, err, got, tc.want)
	}
}

func (c storeChecks) sessionIsExtended() {
	kim := Customer("kim", "CUST1", "01011112222")
	c.create(kim)
	c.open(session("s1", "kim"))
	user, err := c.store.Extend(c.t.Context(), "s1", c.hour())
	same(c.t, err, user, kim.User)
	wantError(c.t, c.store.Close(c.t.Context(), "s1"), nil)
	wantError(c.t, c.store.Close(c.t.Context(), "s1"), nil)
	_, err = c.store.Extend(c.t.Context(), "s1", c.hour())
	wantError(c.t, err, identity.ErrUserNotFound)
}

func (c storeChecks) oldHashOpensNoSession() {
	c.create(Customer("kim", "CUST1", "01011112222"))
	wantError(c.t, c.store.Open(c.t.Context(), session("s1", "kim"), "another hash", c.hour()), identity.ErrCredentials)
	wantError(c.t, c.store.Open(c.t.Context(), session("s1", "lee"), HashOf(Password), c.hour()), identity.ErrCredentials)
}

func (c storeChecks) outdatedIsNotOpened() {
	c.create(Customer("kim", "CUST1", "01011112222"))
	less := session("s1", "kim")
	less.Permissions = nil
	wantError(c.t, c.store.Open(c.t.Context(), less, HashOf(Password), c.hour()), identity.ErrAccountChanged)
	idle := Customer("lee", "CUST2", "01033334444")
	idle.Status = identity.StatusSuspended
	c.create(idle)
	wantError(c.t, c.store.Open(c.t.Context(), session("s1", "lee"), HashOf(Password), c.hour()), identity.ErrCredentials)
	_, err := c.store.Extend(c.t.Context(), "s1", c.hour())
	wantError(c.t, err, identity.ErrUserNotFound)
}

func (c storeChecks) newPasswordEndsOthers() {
	c.create(Customer("kim", "CUST1", "01011112222"), Customer("lee", "CUST2", "01033334444"))
	c.open(session("s1", "kim"), session("s2", "kim"), session("s3", "kim"), session("s4", "lee"))
	var ended []string
	err := c.store.ReplacePassword(c.t.Context(), change("s2"), func(_ context.Context, ids []string) error {
		ended = ids
		return nil
	})
	slices.Sort(ended)
	same(c.t, err, ended, []string{"s1", "s3"})
	for id, want := range map[string]error{
		"s1": identity.ErrUserNotFound, "s2": nil, "s3": identity.ErrUserNotFound, "s4": nil,
	} {
		_, err := c.store.Extend(c.t.Context(), id, c.hour())
		wantError(c.t, err, want)
	}
	account, err := c.store.Account(c.t.Context(), "kim")
	same(c.t, err, account.PasswordHash, "new hash")
}

func (c storeChecks) failedEndChangesNothing() {
	c.create(Customer("kim", "CUST1", "01011112222"))
	c.open(session("s1", "kim"))
	err := c.store.ReplacePassword(c.t.Context(), change("s2"), func(context.Context, []string) error {
		return identity.ErrSessionStore
	})
	wantError(c.t, err, identity.ErrSessionStore)
	_, err = c.store.Extend(c.t.Context(), "s1", c.hour())
	wantError(c.t, err, nil)
	account, err := c.store.Account(c.t.Context(), "kim")
	same(c.t, err, account.PasswordHash, HashOf(Password))
}

func (c storeChecks) secondChangeFails() {
	c.create(Customer("kim", "CUST1", "01011112222"))
	wantError(c.t, c.store.ReplacePassword(c.t.Context(), change("s1"), endNothing), nil)
	wantError(c.t, c.store.ReplacePassword(c.t.Context(), change("s1"), endNothing), identity.ErrCurrentPassword)
}

func (c storeChecks) unknownUserIsNotFound() {
	_, err := c.store.User(c.t.Context(), "absent")
	wantError(c.t, err, identity.ErrUserNotFound)
	_, err = c.store.Account(c.t.Context(), "absent")
	wantError(c.t, err, identity.ErrUserNotFound)
	wantError(c.t, c.store.ReplacePassword(c.t.Context(), change("s1"), endNothing), identity.ErrCurrentPassword)
}

// change returns a change of kim's password, requested in the session keep.
func change(keep string) identity.PasswordChange {
	return identity.PasswordChange{UserID: "kim", From: HashOf(Password), To: "new hash", Keep: keep}
}

func endNothing(context.Context, []string) error { return nil }

func (c storeChecks) create(accounts ...identity.Account) {
	c.t.Helper()
	for _, account := range accounts {
		wantError(c.t, c.store.Create(c.t.Context(), account), nil)
	}
}

func (c storeChecks) open(sessions ...identity.Session) {
	c.t.Helper()
	for _, opened := range sessions {
		wantError(c.t, c.store.Open(c.t.Context(), opened, HashOf(Password), c.hour()), nil)
	}
}

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}

func same(t *testing.T, err error, got, want any) {
	t.Helper()
	wantError(t, err, nil)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("difference (-want +got):\n%s", diff)
	}
}
