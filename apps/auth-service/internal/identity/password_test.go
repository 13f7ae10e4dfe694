package identity_test

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/internal/expect"
)

// TestPasswordRuleIsLengthOnly excludes composition rules, and limits in bytes: a Korean password
// may be as long as an English one.
func TestPasswordRuleIsLengthOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		password string
		taken    bool
	}{
		"8 characters, all alike": {"aaaaaaaa", true},
		"8 spaces":                {"        ", true},
		"8 of Korean":             {"비밀번호여덟글자", true},
		"50 of Korean":            {strings.Repeat("밀", 50), true},
		"outside the first plane": {strings.Repeat("\U0001F512", 8), true},
		"7":                       {"aaaaaaa", false},
		"51, not truncated":       {strings.Repeat("a", 51), false},
		"8 syllables, decomposed": {norm.NFD.String("비밀번호여덟글자"), true},
		"50, decomposed":          {norm.NFD.String(strings.Repeat("밀", 50)), true},
		"7 syllables, decomposed": {norm.NFD.String("비밀번호일곱자"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			in := form()
			in.Password = c.password
			_, err := w.accounts.Register(t.Context(), in)
			if c.taken {
				wantError(t, err, nil)
				_, err = w.sessions.Login(t.Context(), identity.LoginRequest{UserID: in.UserID, Password: c.password})
				wantError(t, err, nil)
				return
			}
			expect.Equal(t, faultyFields(t, err), map[string]bool{"password": true})
		})
	}
}

func TestPasswordIsTheSameInEveryNormalizationForm(t *testing.T) {
	t.Parallel()
	const korean = "비밀번호여덟글자"
	mac := norm.NFD.String(korean)
	for name, c := range map[string]struct{ set, typed string }{
		"set composed":   {korean, mac},
		"set decomposed": {mac, korean},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			in := form()
			in.Password = c.set
			_, err := w.accounts.Register(t.Context(), in)
			wantError(t, err, nil)
			grant, err := w.sessions.Login(t.Context(), credentials(in.UserID, c.typed))
			wantError(t, err, nil)

			caller := identity.Caller{UserID: in.UserID, SessionID: w.session(t, grant)}
			err = w.accounts.ChangePassword(t.Context(), caller, identity.ChangePasswordRequest{Current: c.set, New: c.typed})
			expect.Equal(t, faultyFields(t, err), map[string]bool{"newPassword": true}) // the new password equals the old one
			change := identity.ChangePasswordRequest{Current: c.typed, New: c.set + "!"}
			wantError(t, w.accounts.ChangePassword(t.Context(), caller, change), nil)
			_, err = w.sessions.Login(t.Context(), credentials(in.UserID, c.typed+"!"))
			wantError(t, err, nil)
		})
	}
}

// TestHashOfDecomposedTextIsRenewed covers hashes from before normalization, also of passwords that
// would now be too short.
func TestHashOfDecomposedTextIsRenewed(t *testing.T) {
	t.Parallel()
	for name, mac := range map[string]string{
		"8 syllables": norm.NFD.String("비밀번호여덟글자"), "4 syllables": norm.NFD.String("비밀번호"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			w.store.Change("kim", func(a *identity.Account) { a.PasswordHash = identitytest.HashOf(mac) })
			for range 2 {
				_, err := w.sessions.Login(t.Context(), credentials("kim", mac))
				wantError(t, err, nil)
				account, err := w.store.Account(t.Context(), "kim")
				wantError(t, err, nil)
				expect.Equal(t, account.PasswordHash, identitytest.HashOf(norm.NFC.String(mac)))
			}
			expect.Equal(t, w.passwords.Work(), 4) // two to verify, one to renew, then one
		})
	}
}

// TestTypedTextDeterminesTheWork: for a password that is not in NFC two hashes are computed,
// whether or not the user exists and whatever its hash.
func TestTypedTextDeterminesTheWork(t *testing.T) {
	t.Parallel()
	mac := norm.NFD.String("비밀번호여덟글자")
	for name, c := range map[string]struct {
		typed string
		want  int
	}{
		"ASCII": {"wrong password", 1}, "composed": {norm.NFC.String(mac) + "!", 1}, "decomposed": {mac + "!", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			w.store.Change("lee", func(a *identity.Account) { a.PasswordHash = identitytest.HashOf(mac) })
			for i, id := range []string{"kim", "lee", "absent"} {
				_, err := w.sessions.Login(t.Context(), credentials(id, c.typed))
				wantError(t, err, identity.ErrCredentials)
				expect.Equal(t, w.passwords.Work(), c.want*(i+1))
			}
		})
	}
}
