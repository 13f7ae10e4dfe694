package password

import (
	"testing"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"
)

// composed and decomposed are the same password as typed on Windows and on macOS.
var (
	composed   = norm.NFC.String("비밀번호 1번 é")
	decomposed = norm.NFD.String(composed)
)

// asTyped returns a hash without normalization, as older versions made it.
func asTyped(t *testing.T, password string) string {
	t.Helper()
	hash, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestPasswordIsTheSameInEveryNormalizationForm(t *testing.T) {
	t.Parallel()
	h, _ := setup(t, cheap)
	hashed := func(password string) string {
		hash, err := h.Hash(t.Context(), "", password)
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	for name, c := range map[string]struct {
		hash, typed     string
		right, outdated bool
	}{
		"set composed, typed decomposed":                  {hashed(composed), decomposed, true, false},
		"set decomposed, typed composed":                  {hashed(decomposed), composed, true, false},
		"set and typed decomposed":                        {hashed(decomposed), decomposed, true, false},
		"partly decomposed":                               {hashed(composed), "비밀번호 1번 e\u0301", true, false},
		"compatibility characters differ":                 {hashed("ﬁrst password"), "first password", false, false},
		"another password":                                {hashed(composed), decomposed + "!", false, false},
		"hash of composed text as typed":                  {asTyped(t, composed), composed, true, false},
		"hash of composed text, typed decomposed":         {asTyped(t, composed), decomposed, true, false},
		"hash of decomposed text as typed":                {asTyped(t, decomposed), decomposed, true, true},
		"hash of decomposed text, typed composed":         {asTyped(t, decomposed), composed, false, false},
		"hash of decomposed text, wrong":                  {asTyped(t, decomposed), decomposed + "!", false, false},
		"hash of decomposed text, prefix of the password": {asTyped(t, decomposed), decomposed[:len(decomposed)-2], false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			right, outdated, err := h.Verify(t.Context(), "", c.typed, c.hash, nil)
			if err != nil || right != c.right || outdated != c.outdated {
				t.Errorf("got %t, outdated %t, %v", right, outdated, err)
			}
		})
	}
}

// TestNumberOfHashesRevealsNothing: the duration of a refusal depends on the typed text, not on
// whether the user exists or on its hash.
func TestNumberOfHashesRevealsNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wrong string
		want  uint64
	}{
		"ASCII":      {"wrong password", 1},
		"composed":   {composed + "!", 1},
		"decomposed": {decomposed + "!", 2},
	} {
		for whose, hash := range map[string]string{
			"unknown user": "", "of composed text": asTyped(t, composed), "of decomposed text": asTyped(t, decomposed),
		} {
			t.Run(name+", "+whose, func(t *testing.T) {
				t.Parallel()
				h, registry := setup(t, cheap)
				if right, outdated, err := h.Verify(t.Context(), "", c.wrong, hash, nil); err != nil || right || outdated {
					t.Fatalf("got %t, %t, %v", right, outdated, err)
				}
				if got := hashes(t, registry); got != c.want {
					t.Errorf("%d hashes computed, want %d", got, c.want)
				}
			})
		}
	}
}
