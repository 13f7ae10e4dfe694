// Package componenttest tests the service as a whole against PostgreSQL and daprd. It checks every
// answer against the OpenAPI document.
package componenttest

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
