package share

import "testing"

func TestLineHasItsShareAndNoMore(t *testing.T) {
	t.Parallel()
	shares := New()
	for n := range 2 * calls {
		if got, want := shares.Take("01012345678"), n < calls; got != want {
			t.Errorf("call %d: %t, want %t", n+1, got, want)
		}
	}
	if !shares.Take("01087654321") {
		t.Error("another line has nothing left")
	}
}
