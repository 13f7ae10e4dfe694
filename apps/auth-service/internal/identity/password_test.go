package identity_test

import (
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// TestOfAPasswordOnlyTheLengthCounts keeps rules of composition out, and limits
// in bytes: a password in Korean may be as long as one in English.
func TestOfAPasswordOnlyTheLengthCounts(t *testing.T) {
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
		"51, not cut":             {strings.Repeat("a", 51), false},
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
			same(t, faultyFields(t, err), map[string]bool{"password": true})
		})
	}
}
