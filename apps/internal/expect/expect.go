// Package expect checks conditions in tests.
package expect

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// NoError stops the test with an error that is not nil.
func NoError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Equal fails the test with the difference of two values.
func Equal(t testing.TB, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("difference (-want +got):\n%s", diff)
	}
}

const (
	waitLimit    = 30 * time.Second
	pollInterval = 20 * time.Millisecond
)

// Eventually polls a condition until it holds, and stops the test after 30 s. what describes the
// condition.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.After(waitLimit); !holds(); {
		select {
		case <-deadline:
			t.Fatalf("not within %s: %s", waitLimit, what)
		case <-time.After(pollInterval):
		}
	}
}
