package identity_test

import (
	"testing"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/internal/expect"
)

var (
	root = identity.Caller{UserID: "root", SessionID: "of root", Permissions: []string{identity.PermissionAdmin}}
	both = []string{identity.PermissionBillInquiry, identity.PermissionProductChange}
)

// act returns an act of root.
func act(action identity.Action, userID, permission string) identity.Act {
	return identity.Act{By: root, Action: action, UserID: userID, Permission: permission}
}

// permitted returns the permissions of a grant's session.
func (w *world) permitted(t *testing.T, g identity.Grant) []string {
	t.Helper()
	session, _, err := w.live.Get(t.Context(), w.session(t, g))
	wantError(t, err, nil)
	return session.Permissions
}

func TestRevocationReachesLiveSessions(t *testing.T) {
	t.Parallel()
	w := setup()
	here, there := w.login(t), w.login(t)
	member, err := w.admin.Perform(t.Context(), act(identity.ActionRevoke, "kim", identity.PermissionProductChange))
	wantError(t, err, nil)
	expect.Equal(t, member.Permissions, []string{identity.PermissionBillInquiry})
	for _, grant := range []identity.Grant{here, there} {
		expect.Equal(t, w.permitted(t, grant), []string{identity.PermissionBillInquiry})
	}

	member, err = w.admin.Perform(t.Context(), act(identity.ActionGrant, "kim", identity.PermissionProductChange))
	wantError(t, err, nil)
	expect.Equal(t, member.Permissions, both)
	for _, grant := range []identity.Grant{here, there} {
		expect.Equal(t, w.permitted(t, grant), both)
	}
	expect.Equal(t, w.store.Acts(), []identity.Act{
		act(identity.ActionRevoke, "kim", identity.PermissionProductChange),
		act(identity.ActionGrant, "kim", identity.PermissionProductChange),
	})
}

func TestSuspensionEndsSessions(t *testing.T) {
	t.Parallel()
	w := setup()
	grant := w.login(t)
	member, err := w.admin.Perform(t.Context(), act(identity.ActionSuspend, "kim", ""))
	wantError(t, err, nil)
	expect.Equal(t, member.EffectiveStatus(), identity.StatusSuspended)
	if w.live.Lives(w.session(t, grant)) {
		t.Error("the session is live")
	}
	expect.Equal(t, w.recorder.Counts()["ended suspended"], 1)
	_, err = w.sessions.Refresh(t.Context(), grant.Refresh)
	wantError(t, err, identity.ErrRefreshToken)
	_, err = w.sessions.Login(t.Context(), credentials("kim", identitytest.Password))
	wantError(t, err, identity.ErrCredentials)

	_, err = w.admin.Perform(t.Context(), act(identity.ActionReinstate, "kim", ""))
	wantError(t, err, nil)
	w.login(t)
}

func TestUnenforcedRestrictionIsNotStored(t *testing.T) {
	t.Parallel()
	for name, taking := range map[string]identity.Act{
		"revocation": act(identity.ActionRevoke, "kim", identity.PermissionProductChange),
		"suspension": act(identity.ActionSuspend, "kim", ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			w.login(t)
			w.live.Fail(identity.ErrSessionStore)
			_, err := w.admin.Perform(t.Context(), taking)
			wantError(t, err, identity.ErrSessionStore)
			user, err := w.store.User(t.Context(), "kim")
			wantError(t, err, nil)
			expect.Equal(t, user, kim.User)
			expect.Equal(t, len(w.store.Acts()), 0)
		})
	}
}

// TestGrantIsStoredBeforeItIsEnforced is the converse for grants: no session may have a permission
// that is not stored.
func TestGrantIsStoredBeforeItIsEnforced(t *testing.T) {
	t.Parallel()
	w := setup()
	w.store.Change("kim", func(a *identity.Account) { a.Permissions = nil })
	grant := w.login(t)
	w.store.Fail(identity.ErrDatabase)
	_, err := w.admin.Perform(t.Context(), act(identity.ActionGrant, "kim", identity.PermissionBillInquiry))
	wantError(t, err, identity.ErrDatabase)
	w.store.Fail(nil)
	expect.Equal(t, len(w.permitted(t, grant)), 0)

	w.live.Fail(identity.ErrSessionStore)
	_, err = w.admin.Perform(t.Context(), act(identity.ActionGrant, "kim", identity.PermissionBillInquiry))
	wantError(t, err, identity.ErrSessionStore)
	w.live.Fail(nil)
	expect.Equal(t, len(w.store.Acts()), 1)
	_, err = w.admin.Perform(t.Context(), act(identity.ActionGrant, "kim", identity.PermissionBillInquiry))
	wantError(t, err, nil) // a retry enforces it
	expect.Equal(t, w.permitted(t, grant), []string{identity.PermissionBillInquiry})
}

func TestEndedSessionDoesNotPreventRevocation(t *testing.T) {
	t.Parallel()
	w := setup()
	gone := w.login(t)
	wantError(t, w.live.End(t.Context(), w.session(t, gone)), nil) // the index still lists it
	_, err := w.admin.Perform(t.Context(), act(identity.ActionRevoke, "kim", identity.PermissionProductChange))
	wantError(t, err, nil)
}

func TestAdministrationRefusals(t *testing.T) {
	t.Parallel()
	two := func(w *world) { w.store.Put(identitytest.Administrator("root2")) }
	idle := func(w *world) {
		second := identitytest.Administrator("root2")
		second.Status = identity.StatusSuspended
		w.store.Put(second)
	}
	for name, c := range map[string]struct {
		act     identity.Act
		prepare func(w *world)
		want    error
	}{
		"ADMIN for a customer":         {act: act(identity.ActionGrant, "kim", identity.PermissionAdmin), want: identity.ErrPermissionUnfit},
		"bills for an administrator":   {act: act(identity.ActionGrant, "root", identity.PermissionBillInquiry), want: identity.ErrPermissionUnfit},
		"ADMIN from oneself":           {act: act(identity.ActionRevoke, "root", identity.PermissionAdmin), prepare: two, want: identity.ErrOwnAccount},
		"the own account":              {act: act(identity.ActionSuspend, "root", ""), prepare: two, want: identity.ErrOwnAccount},
		"absent":                       {act: act(identity.ActionSuspend, "absent", ""), want: identity.ErrUserNotFound},
		"another administrator's":      {act: act(identity.ActionRevoke, "root2", identity.PermissionAdmin), prepare: two},
		"of a suspended administrator": {act: act(identity.ActionRevoke, "root2", identity.PermissionAdmin), prepare: idle},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			if c.prepare != nil {
				c.prepare(w)
			}
			_, err := w.admin.Perform(t.Context(), c.act)
			wantError(t, err, c.want)
			if recorded := len(w.store.Acts()) > 0; recorded != (c.want == nil) {
				t.Errorf("recorded: %t", recorded)
			}
		})
	}
}

// TestLastAdministratorStays covers two administrators who demote each other: the session of the
// second may still have ADMIN.
func TestLastAdministratorStays(t *testing.T) {
	t.Parallel()
	w := setup()
	for _, action := range []identity.Act{act(identity.ActionRevoke, "root", identity.PermissionAdmin), act(identity.ActionSuspend, "root", "")} {
		action.By.UserID = "root2" // a former administrator
		_, err := w.admin.Perform(t.Context(), action)
		wantError(t, err, identity.ErrLastAdministrator)
	}
}

func TestUnlock(t *testing.T) {
	t.Parallel()
	w := setup()
	w.store.Lock("kim")
	page, err := w.admin.Users(t.Context(), identity.UserFilter{Status: identity.StatusLocked, Page: 1, Size: 10})
	wantError(t, err, nil)
	expect.Equal(t, page, identity.UserPage{Members: []identity.Member{{User: kim.User, Locked: true}}, Total: 1})
	expect.Equal(t, page.Members[0].EffectiveStatus(), identity.StatusLocked)
	member, err := w.admin.User(t.Context(), "kim")
	wantError(t, err, nil)
	expect.Equal(t, member, page.Members[0])
	_, err = w.admin.User(t.Context(), "absent")
	wantError(t, err, identity.ErrUserNotFound)
	member, err = w.admin.Perform(t.Context(), act(identity.ActionUnlock, "kim", ""))
	wantError(t, err, nil)
	expect.Equal(t, member.EffectiveStatus(), identity.StatusActive)
}

func TestAdministrationValidates(t *testing.T) {
	t.Parallel()
	w := setup()
	_, err := w.admin.Perform(t.Context(), act(identity.ActionGrant, "kim", "EVERYTHING"))
	expect.Equal(t, faultyFields(t, err), map[string]bool{"code": true})
	for _, query := range []string{"a%b", "김", "a b", "123456789012345678901"} {
		_, err := w.admin.Users(t.Context(), identity.UserFilter{Query: query, Page: 1, Size: 10})
		expect.Equal(t, faultyFields(t, err), map[string]bool{"query": true})
	}
}
