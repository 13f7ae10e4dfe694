// Package testvar reads the variables by which `make test` names servers and programs to tests.
package testvar

import (
	"os"
	"testing"
)

// Get returns a variable. Without it the test is skipped, or fails where PHONEBILL_TEST_REQUIRED or CI
// is set.
func Get(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	switch {
	case value != "":
		return value
	case os.Getenv("CI") != "", os.Getenv("PHONEBILL_TEST_REQUIRED") != "":
		t.Fatalf("%s is not set", name)
	default:
		t.Skipf("%s is not set; `make test` sets it", name)
	}
	return ""
}
