// Package componenttest runs the whole service against a real PostgreSQL and a
// real daprd. Every answer is checked against the OpenAPI document.
package componenttest

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
