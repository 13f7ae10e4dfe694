package identitytest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Customer returns an account of a customer whose password is password.
func Customer(id, customerID string, line msisdn.Number) identity.Account {
	return identity.Account{
		User: identity.User{
			ID: id, Name: "이름 " + id, CustomerID: customerID, Line: line, Status: identity.StatusActive,
			Permissions: []string{identity.PermissionBillInquiry, identity.PermissionProductChange},
		},
		PasswordHash: HashOf(Password),
	}
}

// Password is the password of the accounts here.
const Password = "correct horse"

// Staff returns an account of an administrator.
func Staff(id string) identity.Account {
	a := Customer(id, "", "")
	a.Permissions = []string{identity.PermissionAdmin}
	return a
}

// session returns a session of a user.
func session(id, userID string) identity.Session { return identity.Session{ID: id, UserID: userID} }

// hour is a time to which sessions of the suite last.
func hour() time.Time { return time.Now().Add(time.Hour) }

// RunStore checks that stores keep the promises of identity.Users, Credentials
// and SessionIndex. Each test gets a new one, empty.
func RunStore(t *testing.T, newStore func(t *testing.T) Store) {
	tests := map[string]func(t *testing.T, s Store){
		"a created account is found":         createdIsFound,
		"staff have no customer and no line": staffIsFound,
		"what is taken is refused":           takenIsRefused,
		"a registration needs both":          registeredNeedsBoth,
		"a session is extended until closed": sessionIsExtended,
		"an old password opens no session":   oldPasswordOpensNothing,
		"a new password leaves one session":  newPasswordLeavesOne,
		"a failed end leaves the password":   failedEndLeavesAll,
		"only one of two changes can happen": secondChangeFails,
		"whoever is not there is not found":  strangersAreNotFound,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newStore(t))
		})
	}
}

func createdIsFound(t *testing.T, s Store) {
	want := Customer("kim", "CUST1", "01011112222")
	mustCreate(t, s, want)
	got, err := s.Account(t.Context(), "kim")
	same(t, err, got, want)
	user, err := s.User(t.Context(), "kim")
	same(t, err, user, want.User)
}

func staffIsFound(t *testing.T, s Store) {
	mustCreate(t, s, Staff("root"), Staff("root2")) // having no line is nothing to be taken
	got, err := s.Account(t.Context(), "root")
	same(t, err, got, Staff("root"))
}

func takenIsRefused(t *testing.T, s Store) {
	mustCreate(t, s, Customer("kim", "CUST1", "01011112222"))
	for want, account := range map[error]identity.Account{
		identity.ErrUserIDTaken:   Customer("kim", "CUST2", "01033334444"),
		identity.ErrCustomerTaken: Customer("lee", "CUST1", "01033334444"),
		identity.ErrLineTaken:     Customer("lee", "CUST2", "01011112222"),
	} {
		wantError(t, s.Available(t.Context(), account.User), want)
		wantError(t, s.Create(t.Context(), account), want)
	}
	wantError(t, s.Available(t.Context(), Customer("lee", "CUST2", "01033334444").User), nil)
	_, err := s.User(t.Context(), "lee")
	wantError(t, err, identity.ErrUserNotFound)
}

func registeredNeedsBoth(t *testing.T, s Store) {
	mustCreate(t, s, Customer("kim", "CUST1", "01011112222"), Customer("lee", "CUST2", "01033334444"))
	for _, c := range []struct {
		customer string
		line     msisdn.Number
		want     bool
	}{
		{"CUST1", "01011112222", true},
		{"CUST1", "01033334444", false},
		{"CUST3", "01011112222", false},
	} {
		got, err := s.Registered(t.Context(), c.customer, c.line)
		same(t, err, got, c.want)
	}
}

func sessionIsExtended(t *testing.T, s Store) {
	kim := Customer("kim", "CUST1", "01011112222")
	mustCreate(t, s, kim)
	mustOpen(t, s, session("s1", "kim"))
	user, err := s.Extend(t.Context(), "s1", hour())
	same(t, err, user, kim.User)
	wantError(t, s.Close(t.Context(), "s1"), nil)
	wantError(t, s.Close(t.Context(), "s1"), nil)
	_, err = s.Extend(t.Context(), "s1", hour())
	wantError(t, err, identity.ErrUserNotFound)
}

func oldPasswordOpensNothing(t *testing.T, s Store) {
	mustCreate(t, s, Customer("kim", "CUST1", "01011112222"))
	wantError(t, s.Open(t.Context(), session("s1", "kim"), "another hash", hour()), identity.ErrCredentials)
	wantError(t, s.Open(t.Context(), session("s1", "lee"), HashOf(Password), hour()), identity.ErrCredentials)
}

func newPasswordLeavesOne(t *testing.T, s Store) {
	mustCreate(t, s, Customer("kim", "CUST1", "01011112222"), Customer("lee", "CUST2", "01033334444"))
	mustOpen(t, s, session("s1", "kim"), session("s2", "kim"), session("s3", "kim"), session("s4", "lee"))
	var ended []string
	err := s.ReplacePassword(t.Context(), change("s2"), func(_ context.Context, ids []string) error {
		ended = ids
		return nil
	})
	slices.Sort(ended)
	same(t, err, ended, []string{"s1", "s3"})
	for id, want := range map[string]error{
		"s1": identity.ErrUserNotFound, "s2": nil, "s3": identity.ErrUserNotFound, "s4": nil,
	} {
		_, err := s.Extend(t.Context(), id, hour())
		wantError(t, err, want)
	}
	account, err := s.Account(t.Context(), "kim")
	same(t, err, account.PasswordHash, "new hash")
}

func failedEndLeavesAll(t *testing.T, s Store) {
	mustCreate(t, s, Customer("kim", "CUST1", "01011112222"))
	mustOpen(t, s, session("s1", "kim"))
	err := s.ReplacePassword(t.Context(), change("s2"), func(context.Context, []string) error {
		return identity.ErrSessionStore
	})
	wantError(t, err, identity.ErrSessionStore)
	_, err = s.Extend(t.Context(), "s1", hour())
	wantError(t, err, nil)
	account, err := s.Account(t.Context(), "kim")
	same(t, err, account.PasswordHash, HashOf(Password))
}

func secondChangeFails(t *testing.T, s Store) {
	mustCreate(t, s, Customer("kim", "CUST1", "01011112222"))
	wantError(t, s.ReplacePassword(t.Context(), change("s1"), endNothing), nil)
	wantError(t, s.ReplacePassword(t.Context(), change("s1"), endNothing), identity.ErrCurrentPassword)
}

func strangersAreNotFound(t *testing.T, s Store) {
	_, err := s.User(t.Context(), "nobody")
	wantError(t, err, identity.ErrUserNotFound)
	_, err = s.Account(t.Context(), "nobody")
	wantError(t, err, identity.ErrUserNotFound)
	wantError(t, s.ReplacePassword(t.Context(), change("s1"), endNothing), identity.ErrCurrentPassword)
}

// change is one of kim's password, asked for in the session keep.
func change(keep string) identity.PasswordChange {
	return identity.PasswordChange{UserID: "kim", From: HashOf(Password), To: "new hash", Keep: keep}
}

func endNothing(context.Context, []string) error { return nil }

func mustCreate(t *testing.T, s Store, accounts ...identity.Account) {
	t.Helper()
	for _, account := range accounts {
		wantError(t, s.Create(t.Context(), account), nil)
	}
}

func mustOpen(t *testing.T, s Store, sessions ...identity.Session) {
	t.Helper()
	for _, opened := range sessions {
		wantError(t, s.Open(t.Context(), opened, HashOf(Password), hour()), nil)
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
