package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// older is a replica of the release before: it keeps changes in progress in
// running_change, in its own statements.
type older struct{ *world }

// accept stores a change as the release before does. It returns false if the line has
// one in progress.
func (o older) accept(c change.Change) bool {
	o.t.Helper()
	tag, err := o.db.Pool.Exec(o.t.Context(), `
		INSERT INTO running_change (line_number, request_id, requested_at, due_at)
		VALUES ($1, $2, $3, $3)
		ON CONFLICT (line_number) DO NOTHING`, c.Line.Digits(), c.RequestID, c.RequestedAt)
	expect.NoError(o.t, err)
	if tag.RowsAffected() == 0 {
		return false
	}
	_, err = o.db.Pool.Exec(o.t.Context(), `
		INSERT INTO change_request (request_id, requested_at, user_id, customer_id, line_number,
		    current_code, current_name, target_code, target_name, target_product)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, c.RequestID, c.RequestedAt, c.UserID, c.CustomerID, c.Line.Digits(),
		c.CurrentCode, c.CurrentName, c.Target.Code, c.Target.Name, c.Target)
	expect.NoError(o.t, err)
	return true
}

// finish ends a change as the release before does.
func (o older) finish(c change.Change) {
	o.t.Helper()
	for _, sql := range []string{
		`UPDATE change_request SET status = 'COMPLETED', result_code = '0000', processed_at = now() WHERE request_id = $1`,
		`DELETE FROM running_change WHERE request_id = $1`,
	} {
		_, err := o.db.Pool.Exec(o.t.Context(), sql, c.RequestID)
		expect.NoError(o.t, err)
	}
}

// TestReplicasOfTheReleaseBeforeShareTheWork has both releases accept and end changes.
func TestReplicasOfTheReleaseBeforeShareTheWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before, now := older{w}, w.replica()

	theirs := asked(t, number(1))
	if !before.accept(theirs) {
		t.Fatal("not accepted")
	}
	if err := now.changes.Accept(t.Context(), asked(t, number(1)), change.Key{}, product.Version{}); !errors.Is(err, change.ErrInProgress) {
		t.Errorf("a second change of a line, by this release: %v", err)
	}
	ours := now.accepted(t, number(2))
	if before.accept(asked(t, number(2))) {
		t.Error("a second change of a line, by the release before")
	}

	now.start(t)
	w.final(1) // its own; the other is left to the release before
	if len(w.kos.orders) != 1 || w.kos.orders[0] != ours.RequestID {
		t.Errorf("ordered %v", w.kos.orders)
	}
	if n := w.count("SELECT count(*) FROM running_change"); n != 1 {
		t.Errorf("%d changes are in progress for the release before", n)
	}
	w.elapse(time.Minute) // its replicas are gone
	w.final(2)
	if n := w.kos.calls[theirs.RequestID]; n != 1 {
		t.Errorf("ordered %d times", n)
	}

	last := asked(t, number(1))
	if !before.accept(last) {
		t.Fatal("the line is not free")
	}
	before.finish(last)
	if n := w.count("SELECT (SELECT count(*) FROM kos_queue) + (SELECT count(*) FROM running_change)"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// insertOlder stores a change in progress as the release before does.
const insertOlder = `INSERT INTO running_change (line_number, request_id, requested_at, due_at) VALUES ($1, $2, now(), now())`

// TestMigrationTakesOverAChangeThatIsBeingAccepted migrates while a replica of the release
// before has stored a change and not committed it.
func TestMigrationTakesOverAChangeThatIsBeingAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn, err := w.db.Pool.Acquire(t.Context())
	expect.NoError(t, err)
	defer conn.Release()
	migrator, err := migrate.NewMigrator(t.Context(), conn.Conn(), "public.schema_version")
	expect.NoError(t, err)
	expect.NoError(t, migrator.LoadMigrations(postgres.Migrations()))
	expect.NoError(t, migrator.MigrateTo(t.Context(), 4))

	c, migrated := asked(t, number(1)), make(chan error, 1)
	expect.NoError(t, pgx.BeginFunc(t.Context(), w.db.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), insertOlder, c.Line.Digits(), c.RequestID)
		expect.NoError(t, err)
		go func() { migrated <- migrator.MigrateTo(t.Context(), 5) }()
		w.eventually("the migration waits", func() bool {
			return w.count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > 0
		})
		return nil
	}))
	expect.NoError(t, <-migrated)
	if n := w.count("SELECT count(*) FROM kos_queue"); n != 1 {
		t.Errorf("%d items of the change", n)
	}
}

// TestJobsOfTheReleaseBeforeAreLeftToIt prevents that this release fails them and puts them
// off: after a rollback the release before needs them at once.
func TestJobsOfTheReleaseBeforeAreLeftToIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, kind := range []string{"requeue_stalled", "forget_keys"} {
		_, err := w.db.Pool.Exec(t.Context(), `INSERT INTO river_job (args, kind, max_attempts, queue) VALUES ('{}', $1, 30000, 'upkeep')`, kind)
		expect.NoError(t, err)
	}
	w.start()
	w.eventually("a job of this release has run", func() bool {
		return w.count("SELECT count(*) FROM river_job WHERE kind = 'forget_keys' AND state = 'completed'") > 0
	})
	if n := w.count("SELECT count(*) FROM river_job WHERE queue = 'upkeep' AND state = 'available' AND attempt = 0"); n != 2 {
		t.Errorf("%d of 2 jobs of the release before are left to it", n)
	}
}

// The release before queues changes only: it does not see the fetches of this one.
func TestFetchesAreNotMirrored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := w.replica()
	fetches := postgres.NewSubscribers(now.queue, func() string { return "request" })
	own := product.Subscription{Customer: "CUST001", Line: number(1)}
	_, err := fetches.Enqueue(t.Context(), own)
	expect.NoError(t, err)
	_, err = fetches.Prefetch(t.Context(), own, product.ReasonLogin)
	expect.NoError(t, err)
	if n := w.count("SELECT count(*) FROM running_change"); n != 0 {
		t.Errorf("%d changes for the release before", n)
	}
	now.accepted(t, number(1)) // beside the fetch of the same line
	if n := w.count("SELECT count(*) FROM running_change"); n != 1 {
		t.Errorf("%d changes for the release before", n)
	}
}
