package identity_test

import (
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// form returns a valid registration.
func form() identity.Registration {
	return identity.Registration{
		UserID: "park", CustomerID: "CUST9", LineNumber: "010-5555-6666", UserName: " 박민수 ", Password: "new password",
	}
}

func TestRegister(t *testing.T) {
	t.Parallel()
	w := setup()
	user, err := w.accounts.Register(t.Context(), form())
	wantError(t, err, nil)
	expect.Equal(t, user, identity.User{
		ID: "park", Name: "박민수", CustomerID: "CUST9", Line: "01055556666", Status: identity.StatusActive,
		Permissions: []string{identity.PermissionBillInquiry, identity.PermissionProductChange},
	})
	_, err = w.sessions.Login(t.Context(), credentials("park", "new password"))
	wantError(t, err, nil)
}

func TestRegisterChecksTheLineWithTheCarrier(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		customer string // customer of the line in KOS
		want     error
	}{
		"its own line":              {"CUST9", nil},
		"another customer's":        {"CUST8", identity.ErrLineTaken},
		"an undisclosed customer's": {"", identity.ErrLineTaken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			w.carrier.Customers["01055556666"] = c.customer
			_, err := w.accounts.Register(t.Context(), form())
			wantError(t, err, c.want)
		})
	}
}

func TestRegisterNeedsTheCarrier(t *testing.T) {
	t.Parallel()
	w := setup()
	w.carrier.Fault = problem.New(problem.Unavailable, "KOS_UNAVAILABLE", "")
	_, err := w.accounts.Register(t.Context(), form())
	wantError(t, err, w.carrier.Fault)
	_, err = w.store.User(t.Context(), "park")
	wantError(t, err, identity.ErrUserNotFound)
}

func TestRegisterRefusesTakenNames(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(in *identity.Registration)
		want   error
	}{
		"id":       {func(in *identity.Registration) { in.UserID = "kim" }, identity.ErrUserIDTaken},
		"customer": {func(in *identity.Registration) { in.CustomerID = "CUST1" }, identity.ErrCustomerTaken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			in := form()
			c.change(&in)
			_, err := w.accounts.Register(t.Context(), in)
			wantError(t, err, c.want)
			expect.Equal(t, w.carrier.Asked, 0)
			expect.Equal(t, w.passwords.Work(), 0)
		})
	}
}

// TestCarrierDecidesAboutTakenLine registers with the line of kim's account.
func TestCarrierDecidesAboutTakenLine(t *testing.T) {
	t.Parallel()
	away := problem.New(problem.Unavailable, "KOS_UNAVAILABLE", "")
	for name, c := range map[string]struct {
		carrier identitytest.Carrier
		want    error
	}{
		"the registering customer": {identitytest.Carrier{Customers: map[msisdn.Number]string{kim.Line: "CUST9"}}, nil},
		"kim's customer":           {identitytest.Carrier{Customers: map[msisdn.Number]string{kim.Line: "CUST1"}}, identity.ErrLineTaken},
		"a third customer":         {identitytest.Carrier{Customers: map[msisdn.Number]string{kim.Line: "CUST8"}}, identity.ErrLineTaken},
		"undisclosed customer":     {identitytest.Carrier{Customers: map[msisdn.Number]string{kim.Line: ""}}, identity.ErrLineTaken},
		"unknown line":             {identitytest.Carrier{}, identity.ErrLineTaken},
		"carrier unavailable":      {identitytest.Carrier{Customers: map[msisdn.Number]string{kim.Line: "CUST9"}, Fault: away}, away},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			*w.carrier = c.carrier
			in := form()
			in.LineNumber = kim.Line.Digits()
			user, err := w.accounts.Register(t.Context(), in)
			wantError(t, err, c.want)
			expect.Equal(t, w.carrier.Asked, 1)
			w.wantLine(t, kim.User, c.want != nil)
			if c.want == nil {
				w.wantLine(t, user, true)
			} else {
				expect.Equal(t, w.passwords.Work(), 0)
			}
			w.login(t) // kim's account keeps working
		})
	}
}

// wantLine checks whether the line is registered for the user.
func (w *world) wantLine(t *testing.T, u identity.User, want bool) {
	t.Helper()
	got, err := w.accounts.Registered(t.Context(), u.CustomerID, u.Line.Digits())
	wantError(t, err, nil)
	expect.Equal(t, got, want)
}

func TestRegisterValidates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(in *identity.Registration)
		field  string
	}{
		"id":                        {func(in *identity.Registration) { in.UserID = "p" }, "userId"},
		"customer":                  {func(in *identity.Registration) { in.CustomerID = "고객" }, "customerId"},
		"line":                      {func(in *identity.Registration) { in.LineNumber = "02-123-4567" }, "lineNumber"},
		"no name":                   {func(in *identity.Registration) { in.UserName = " \t " }, "userName"},
		"long name":                 {func(in *identity.Registration) { in.UserName = strings.Repeat("박", 51) }, "userName"},
		"control character in name": {func(in *identity.Registration) { in.UserName = "박\x00민수" }, "userName"},
		"password":                  {func(in *identity.Registration) { in.Password = "short" }, "password"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			in := form()
			c.change(&in)
			_, err := w.accounts.Register(t.Context(), in)
			expect.Equal(t, faultyFields(t, err), map[string]bool{c.field: true})
		})
	}
}

func TestRegisterNamesAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := setup().accounts.Register(t.Context(), identity.Registration{})
	expect.Equal(t, faultyFields(t, err), map[string]bool{
		"userId": true, "customerId": true, "lineNumber": true, "userName": true, "password": true,
	})
}

func TestRegistered(t *testing.T) {
	t.Parallel()
	w := setup()
	got, err := w.accounts.Registered(t.Context(), "CUST1", "010-1111-2222")
	wantError(t, err, nil)
	expect.Equal(t, got, true)
	got, err = w.accounts.Registered(t.Context(), "CUST1", "010-3333-4444")
	wantError(t, err, nil)
	expect.Equal(t, got, false)
	for _, customer := range []string{"", "C", strings.Repeat("C", 21), "고객"} {
		got, err = w.accounts.Registered(t.Context(), customer, "01011112222")
		wantError(t, err, nil)
		expect.Equal(t, got, false)
	}
	got, err = w.accounts.Registered(t.Context(), "CUST1", "0")
	wantError(t, err, nil)
	expect.Equal(t, got, false)
}

func TestUserIsReadableByItsOwnerOnly(t *testing.T) {
	t.Parallel()
	user := identity.Caller{UserID: "kim", Permissions: kim.Permissions}
	for id, want := range map[string]error{"kim": nil, "lee": identity.ErrForbidden, "absent": identity.ErrForbidden} {
		got, err := setup().accounts.User(t.Context(), user, id)
		wantError(t, err, want)
		if want == nil {
			expect.Equal(t, got, kim.User)
		}
	}
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := setup()
	here, there := w.login(t), w.login(t)
	in := identity.ChangePasswordRequest{Current: identitytest.Password, New: "battery staple"}
	wantError(t, w.accounts.ChangePassword(t.Context(), w.caller(t, here), in), nil)

	if !w.live.Lives(w.session(t, here)) || w.live.Lives(w.session(t, there)) {
		t.Error("want exactly the other session ended")
	}
	expect.Equal(t, w.recorder.Counts()["ended password_change"], 1)
	_, err := w.sessions.Login(t.Context(), credentials("kim", identitytest.Password))
	wantError(t, err, identity.ErrCredentials)
	_, err = w.sessions.Login(t.Context(), credentials("kim", "battery staple"))
	wantError(t, err, nil)
}

func TestChangePasswordRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in    identity.ChangePasswordRequest
		field string // "" if the form is valid
	}{
		"wrong":   {in: identity.ChangePasswordRequest{Current: "wrong password", New: "battery staple"}},
		"missing": {identity.ChangePasswordRequest{New: "battery staple"}, "currentPassword"},
		"short":   {identity.ChangePasswordRequest{Current: identitytest.Password, New: "short"}, "newPassword"},
		"same":    {identity.ChangePasswordRequest{Current: identitytest.Password, New: identitytest.Password}, "newPassword"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			here, there := w.login(t), w.login(t)
			err := w.accounts.ChangePassword(t.Context(), w.caller(t, here), c.in)
			if c.field == "" {
				wantError(t, err, identity.ErrCurrentPassword)
			} else {
				expect.Equal(t, faultyFields(t, err), map[string]bool{c.field: true})
			}
			if !w.live.Lives(w.session(t, there)) {
				t.Error("the other session ended")
			}
		})
	}
}

func TestChangePasswordFailsWhenASessionCannotEnd(t *testing.T) {
	t.Parallel()
	w := setup()
	here := w.login(t)
	w.login(t)
	w.live.Fail(identity.ErrSessionStore)
	in := identity.ChangePasswordRequest{Current: identitytest.Password, New: "battery staple"}
	wantError(t, w.accounts.ChangePassword(t.Context(), w.caller(t, here), in), identity.ErrSessionStore)
	w.live.Fail(nil)
	w.login(t)
}
