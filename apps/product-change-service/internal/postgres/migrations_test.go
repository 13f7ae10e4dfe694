package postgres_test

import (
	"testing"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
)

func TestMigrationsGoDownAndUp(t *testing.T) {
	t.Parallel()
	pgtest.DownAndUp(t, postgres.Migrations())
}

// Replicas of a new release migrate at the same time.
func TestQueueMigratesOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, postgres.Migrations()).Pool
	done := make(chan error)
	for range 3 {
		go func() { done <- jobs.Migrate(t.Context(), pool) }()
	}
	for range 3 {
		expect.NoError(t, <-done)
	}
	expect.NoError(t, jobs.Migrate(t.Context(), pool))
	var jobs int
	expect.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM river_job").Scan(&jobs))
}
