package identity_test

import (
	"crypto/rand"
	"regexp"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

func FuzzParseIDs(f *testing.F) {
	for _, seed := range []string{rand.Text(), "a||b", "kim", "ADMIN", "", "s\x00", strings.Repeat("A", 26), "../x", "가"} {
		f.Add(seed)
	}
	plain := regexp.MustCompile(`^[A-Za-z0-9_-]{3,26}$`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func(string) (string, error){identity.ParseSessionID, identity.ParseUserID, identity.ParsePermission} {
			got, err := parse(text)
			if err == nil && (got != text || !plain.MatchString(got)) || err != nil && got != "" {
				t.Errorf("%q is read as %q, %v", text, got, err)
			}
		}
	})
}

func TestSessionIDsAreParsed(t *testing.T) {
	t.Parallel()
	for range 100 {
		id := rand.Text()
		if _, err := identity.ParseSessionID(id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}
