package postgres_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/postgres"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 1, 17, 12, 0, 0, 0, time.UTC)

func newStore(t *testing.T) *postgres.Store {
	t.Helper()
	return postgres.New(pgtest.New(t, postgres.Migrations()).Pool, func() time.Time { return noon })
}
