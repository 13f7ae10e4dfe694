package postgres_test

import (
	"testing"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

func TestMigrationsGoDownAndUp(t *testing.T) {
	t.Parallel()
	pgtest.DownAndUp(t, postgres.Migrations())
}
