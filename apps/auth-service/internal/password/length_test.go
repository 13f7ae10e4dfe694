package password

import (
	"strings"
	"testing"
)

// TestEveryCharacterCounts checks that long passwords are not truncated before hashing.
func TestEveryCharacterCounts(t *testing.T) {
	t.Parallel()
	h, _ := setup(t, cheap)
	long := strings.Repeat("밀", 49)
	hash, err := h.Hash(t.Context(), "", long+"1")
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{long + "1": true, long + "2": false, long: false, long + "1 ": false} {
		if got, _, err := h.Verify(t.Context(), "", password, hash, nil); err != nil || got != want {
			t.Errorf("of %d bytes: %t, %v, want %t", len(password), got, err, want)
		}
	}
}
