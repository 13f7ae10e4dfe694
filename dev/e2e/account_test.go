package e2e

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/api"
)

func TestRegistration(t *testing.T) {
	t.Parallel()
	c := newcomer(t)
	tests := map[string]struct {
		change func(*api.Registration)
		code   string
	}{
		"id taken":               {func(r *api.Registration) { r.UserID = c.UserID }, "USER_ID_TAKEN"},
		"customer taken":         {func(r *api.Registration) { r.CustomerID = c.CustomerID }, "CUSTOMER_TAKEN"},
		"line taken":             {func(r *api.Registration) { r.Line = c.Line }, "LINE_TAKEN"},
		"another user's line":    {func(r *api.Registration) { r.Line = "01030999999" }, "LINE_TAKEN"},
		"a demo user's line":     {func(r *api.Registration) { r.Line = "010-1234-5678" }, "LINE_TAKEN"},
		"a demo user's customer": {func(r *api.Registration) { r.CustomerID = "CUST001" }, "CUSTOMER_TAKEN"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			form := newcomerForm()
			test.change(&form)
			anonymous(t).Register(form).Refused(t, http.StatusConflict, test.code)
		})
	}
	user := c.UserInfo().OK(t)
	slices.Sort(user.Permissions)
	want := api.User{
		ID: c.UserID, Name: c.Name, CustomerID: c.CustomerID, Line: c.Line, Status: "ACTIVE",
		Permissions: []string{"BILL_INQUIRY", "PRODUCT_CHANGE"},
	}
	if diff := cmp.Diff(want, user); diff != "" {
		t.Errorf("registered: %s", diff)
	}
}

func TestReusedRefreshTokenEndsTheSession(t *testing.T) {
	t.Parallel()
	c := resident(t)
	c.see(t, "") // both services have cached the session
	used := c.Tokens.Refresh
	c.Refresh(used).OK(t)
	thief := anonymous(t)
	thief.Refresh(used).OK(t) // for a moment it may be the client that asks twice
	await(t, 10*time.Second, "the end of that moment", func() error {
		if thief.Refresh(used).Succeeded() {
			return errAwaited("the token may still be used again")
		}
		return nil
	})
	thief.Refresh(used).Refused(t, http.StatusUnauthorized, "REFRESH_TOKEN_INVALID")
	c.Refresh(c.Tokens.Refresh).Refused(t, http.StatusUnauthorized, "REFRESH_TOKEN_INVALID")
	ended(t, c, c.Tokens.Access)
}

func TestPasswordChangeEndsOtherSessions(t *testing.T) {
	t.Parallel()
	c := subscriber(t)
	other := customer{anonymous(t), c.Registration}
	other.Login(c.UserID, c.Password).OK(t)
	other.see(t, "") // both services know the session now
	other.Verify().OK(t)

	c.ChangePassword("not "+c.Password, "Another1!").Refused(t, http.StatusBadRequest, "CURRENT_PASSWORD_WRONG")
	c.ChangePassword(c.Password, "Another1!").OK(t)
	ended(t, other, other.Tokens.Access)
	c.Verify().OK(t)
	anonymous(t).Login(c.UserID, c.Password).Refused(t, http.StatusUnauthorized, "AUTH_001")
	anonymous(t).Login(c.UserID, "Another1!").OK(t)
}
