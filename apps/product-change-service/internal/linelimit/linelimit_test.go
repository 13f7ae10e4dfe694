package linelimit

import "testing"

func TestEachLineHasItsOwnLimit(t *testing.T) {
	t.Parallel()
	limiter := New()
	for n := range 2 * calls {
		if got, want := limiter.Allow("01012345678"), n < calls; got != want {
			t.Errorf("call %d: %t, want %t", n+1, got, want)
		}
	}
	if !limiter.Allow("01087654321") {
		t.Error("another line is limited")
	}
}
