package postgres_test

import (
	"testing"

	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/postgres"
)

func TestMigrationsGoDownAndUp(t *testing.T) {
	t.Parallel()
	pgtest.DownAndUp(t, postgres.Migrations())
}
