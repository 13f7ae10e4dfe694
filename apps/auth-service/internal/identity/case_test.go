package identity_test

import (
	"testing"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/expect"
)

// twins adds two users whose ids differ only in case, as from before migration 010.
func (w *world) twins() {
	for id, line := range map[string]string{"Twin": "1", "tWIN": "2"} {
		account := identitytest.Customer(id, "CUST-T"+line, "")
		account.PasswordHash = identitytest.HashOf("password of " + id)
		w.store.Put(account)
	}
}

func TestLoginIgnoresCase(t *testing.T) {
	t.Parallel()
	w := setup()
	for _, id := range []string{"kim", "KIM", "Kim"} {
		grant, err := w.sessions.Login(t.Context(), credentials(id, identitytest.Password))
		wantError(t, err, nil)
		expect.Equal(t, grant.User, kim.User) // with the registered spelling
		session, _, err := w.live.Get(t.Context(), w.session(t, grant))
		wantError(t, err, nil)
		expect.Equal(t, session.UserID, "kim")
	}
	expect.Equal(t, len(w.store.Indexed("kim")), 3)
	for _, login := range w.history.All() {
		expect.Equal(t, login.UserID, "kim")
	}
}

func TestTwinsLogInByExactSpelling(t *testing.T) {
	t.Parallel()
	w := setup()
	w.twins()
	for _, id := range []string{"Twin", "tWIN"} {
		grant, err := w.sessions.Login(t.Context(), credentials(id, "password of "+id))
		wantError(t, err, nil)
		expect.Equal(t, grant.User.ID, id)
		_, err = w.sessions.Login(t.Context(), credentials("twin", "password of "+id))
		wantError(t, err, identity.ErrCredentials)
	}
	in := form()
	in.UserID = "twin"
	_, err := w.accounts.Register(t.Context(), in)
	wantError(t, err, identity.ErrUserIDTaken) // no third can be registered
}

// TestTwinsAreLockedSeparately: with a shared count, one of them could reset the failures of
// guesses at the other by logging in.
func TestTwinsAreLockedSeparately(t *testing.T) {
	t.Parallel()
	w := setup()
	w.twins()
	w.guess(t, "Twin", unlocked...)
	_, err := w.sessions.Login(t.Context(), credentials("tWIN", "password of tWIN"))
	wantError(t, err, nil)
	w.guess(t, "Twin", identity.ErrLocking)
	_, err = w.sessions.Login(t.Context(), credentials("tWIN", "password of tWIN"))
	wantError(t, err, nil)
}

func TestAttemptsIgnoreCase(t *testing.T) {
	t.Parallel()
	for name, ids := range map[string][]string{
		"a user":               {"kim", "Kim", "KIM", "kIm", "kiM"},
		"a user in mixed case": {"Park", "park", "PARK", "pARK", "parK"},
		"an unknown id":        {"absent", "Absent", "ABSENT", "aBsent", "abSent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			w.store.Put(identitytest.Customer("Park", "CUST9", "01055556666"))
			for i, id := range ids[:4] {
				w.guess(t, id, unlocked[i])
			}
			w.guess(t, ids[4], identity.ErrLocking)
			for _, id := range ids {
				_, err := w.sessions.Login(t.Context(), credentials(id, identitytest.Password))
				wantError(t, err, identity.ErrLocked)
			}
			expect.Equal(t, w.passwords.Work(), 5)
			if name == "an unknown id" {
				return
			}
			_, err := w.admin.Perform(t.Context(), act(identity.ActionUnlock, ids[2], ""))
			wantError(t, err, nil)
			_, err = w.sessions.Login(t.Context(), credentials(ids[1], identitytest.Password))
			wantError(t, err, nil)
		})
	}
}

func TestIDInAnotherCaseIsTaken(t *testing.T) {
	t.Parallel()
	w := setup()
	in := form()
	in.UserID = "KiM"
	_, err := w.accounts.Register(t.Context(), in)
	wantError(t, err, identity.ErrUserIDTaken)
}

func TestUserLookupIgnoresCase(t *testing.T) {
	t.Parallel()
	w := setup()
	w.twins()
	user, err := w.accounts.User(t.Context(), identity.Caller{UserID: "kim"}, "KIM")
	wantError(t, err, nil)
	expect.Equal(t, user, kim.User)
	for _, id := range []string{"tWIN", "twin", "Lee", "\u212aim"} {
		for _, caller := range []string{"Twin", "kim"} {
			_, err = w.accounts.User(t.Context(), identity.Caller{UserID: caller}, id)
			wantError(t, err, identity.ErrForbidden)
		}
	}
	member, err := w.admin.User(t.Context(), "KIM")
	wantError(t, err, nil)
	expect.Equal(t, member.User, kim.User)
	member, err = w.admin.Perform(t.Context(), act(identity.ActionRevoke, "Kim", identity.PermissionProductChange))
	wantError(t, err, nil)
	expect.Equal(t, member.ID, "kim")
	expect.Equal(t, w.store.Acts()[0].UserID, "kim")
}

// TestOwnAccountRuleIgnoresCase: no spelling circumvents the rule.
func TestOwnAccountRuleIgnoresCase(t *testing.T) {
	t.Parallel()
	w := setup()
	w.store.Put(identitytest.Administrator("root2"))
	_, err := w.admin.Perform(t.Context(), act(identity.ActionSuspend, "ROOT", ""))
	wantError(t, err, identity.ErrOwnAccount)
}

func TestAuditSearchUsesTheRegisteredID(t *testing.T) {
	t.Parallel()
	w, trail := setup(), &identitytest.Trail{}
	admin := identity.NewAdministration(w.store, trail, w.live, w.recorder, w.clock.Now)
	for asked, want := range map[string]string{"KIM": "kim", "absent": "absent", "Absent": "Absent", "entra:1": "entra:1", "": ""} {
		_, err := admin.Events(t.Context(), audit.Filter{Actor: asked, Target: asked})
		wantError(t, err, nil)
		expect.Equal(t, []string{trail.Filter.Actor, trail.Filter.Target}, []string{want, want})
	}
}
