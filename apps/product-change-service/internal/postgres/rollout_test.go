package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
)

// mirrored is the schema version of the previous release, with table running_change as a
// mirror of kos_queue.
const mirrored = 6

// insertItem enqueues a change as the previous release does.
const insertItem = `
INSERT INTO kos_queue (endpoint, dedup_key, ordering_key, class, round, payload)
VALUES ('product-change', $1, $1, 0, 0, jsonb_build_object('requestId', $2::text))`

// TestMigrationPassesTransactionsOfThePreviousRelease drops the mirror while a replica of the
// previous release is in a transaction that locks first the queue, then its mirror.
func TestMigrationPassesTransactionsOfThePreviousRelease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	migrator := w.db.Migrator(t, postgres.Migrations())
	expect.NoError(t, migrator.MigrateTo(t.Context(), mirrored))
	for _, queue := range []string{"upkeep", "changes", "periodic", "events"} {
		_, err := w.db.Pool.Exec(t.Context(), `INSERT INTO river_job (args, kind, max_attempts, queue) VALUES ('{}', 'some', 1, $1)`, queue)
		expect.NoError(t, err)
	}

	c, migrated := asked(t, number(1)), make(chan error, 1)
	expect.NoError(t, pgx.BeginFunc(t.Context(), w.db.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "SELECT FROM kos_queue FOR UPDATE") // as a claim does
		expect.NoError(t, err)
		go func() { migrated <- migrator.Migrate(t.Context()) }()
		w.eventually("the migration waits", func() bool {
			return w.count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > 0
		})
		_, err = tx.Exec(t.Context(), insertItem, c.Line.Digits(), c.RequestID) // a trigger writes the mirror
		return err
	}))
	expect.NoError(t, <-migrated)
	if n := w.count("SELECT count(*) FROM kos_queue"); n != 1 {
		t.Errorf("%d items of the change", n)
	}
	_, err := w.db.Pool.Exec(t.Context(), "DELETE FROM kos_queue")
	expect.NoError(t, err)
	if n := w.count("SELECT count(*) FROM river_job WHERE queue IN ('periodic', 'events')"); n != 2 || w.count("SELECT count(*) FROM river_job") != 2 {
		t.Errorf("%d of 2 jobs are left", n)
	}
}
