package pg_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

// events has generated columns, which must not be copied when rows are moved.
var events = fstest.MapFS{"001_event.sql": {Data: []byte(`
CREATE TABLE event (
    id   bigint GENERATED ALWAYS AS IDENTITY,
    note text,
    at   timestamptz NOT NULL,
    loud text GENERATED ALWAYS AS (upper(note)) STORED,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX event_at ON event (at DESC);
CREATE TABLE event_default PARTITION OF event DEFAULT;
` + divider)}}

var kept = pg.Partitions{Table: "event", Keep: 3}

func day(text string) time.Time {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return at
}

func maintain(t *testing.T, pool *pgxpool.Pool, date string) {
	t.Helper()
	if err := kept.Maintain(t.Context(), pool, day(date)); err != nil {
		t.Fatalf("%s: %v", date, err)
	}
}

func insert(t *testing.T, pool *pgxpool.Pool, times ...string) {
	t.Helper()
	for _, at := range times {
		exec(t, pool, "INSERT INTO event (note, at) VALUES ($1, $1::text::timestamptz)", at)
	}
}

// partitions returns the partitions with the number of their rows: "202601 1".
func partitions(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'event'::regclass ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", strings.TrimPrefix(name, "event_"), query[int](t, pool, "SELECT count(*)::integer FROM "+name))
	}
	return names
}

func wantPartitions(t *testing.T, pool *pgxpool.Pool, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, partitions(t, pool)); diff != "" {
		t.Errorf("partitions (-want +got):\n%s", diff)
	}
}

func TestPartitionsAreCreatedAheadAndDroppedWhenExpired(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, events).Pool
	maintain(t, pool, "2026-11-22")
	wantPartitions(t, pool, "202610 0", "202611 0", "202612 0", "202701 0", "default 0")
	insert(t, pool, "2026-10-31T23:59:59.999Z", "2026-11-01T00:00:00Z", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z")
	maintain(t, pool, "2026-11-22")
	wantPartitions(t, pool, "202610 1", "202611 1", "202612 1", "202701 1", "default 0")

	maintain(t, pool, "2027-01-31") // the oldest month kept is October
	wantPartitions(t, pool, "202610 1", "202611 1", "202612 1", "202701 1", "202702 0", "202703 0", "default 0")
	maintain(t, pool, "2027-02-01")
	wantPartitions(t, pool, "202611 1", "202612 1", "202701 1", "202702 0", "202703 0", "202704 0", "default 0")
}

func TestRowsInTheDefaultPartitionAreMoved(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, events).Pool
	maintain(t, pool, "2026-01-15")
	// No maintenance until September.
	insert(t, pool, "2026-05-31T23:59:59Z", "2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z", "2026-09-01T00:00:00Z")
	wantPartitions(t, pool, "202512 0", "202601 0", "202602 0", "202603 0", "default 4")

	for range 2 {
		maintain(t, pool, "2026-09-10")
		wantPartitions(t, pool, "202606 2", "202608 0", "202609 1", "202610 0", "202611 0", "default 0")
	}
	if n := query[int](t, pool, "SELECT count(*)::integer FROM event WHERE loud = upper(note) AND id > 0"); n != 3 {
		t.Errorf("%d rows unchanged, want 3", n)
	}
	insert(t, pool, "2026-09-11T00:00:00Z", "2030-01-01T00:00:00Z")
	wantPartitions(t, pool, "202606 2", "202608 0", "202609 2", "202610 0", "202611 0", "default 1")
}

func TestConcurrentMaintainIsSerialized(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, events).Pool
	insert(t, pool, "2026-11-01T00:00:00Z")
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			if err := kept.Maintain(t.Context(), pool, day("2026-11-22")); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	wantPartitions(t, pool, "202610 0", "202611 1", "202612 0", "202701 0", "default 0")
}

// TestMaintainTimesOutOnLock, as later statements queue behind a waiting lock.
func TestMaintainTimesOutOnLock(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, events).Pool
	maintain(t, pool, "2026-11-22")
	err := pgx.BeginFunc(t.Context(), pool, func(slow pgx.Tx) error {
		if _, err := slow.Exec(t.Context(), "SELECT FROM event"); err != nil {
			return err
		}
		start := time.Now()
		if err := kept.Maintain(t.Context(), pool, day("2027-06-01")); err == nil {
			t.Error("no error although the table is locked")
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("waited %s for the lock", took)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	maintain(t, pool, "2027-06-01")
}

func TestMaintainRejectsUnsuitableTables(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, events).Pool
	exec(t, pool, "CREATE TABLE plain (at timestamptz); CREATE TABLE bare (at timestamptz) PARTITION BY RANGE (at)")
	for _, table := range []string{"nowhere", "plain", "bare"} {
		err := pg.Partitions{Table: table, Keep: 1}.Maintain(t.Context(), pool, day("2026-11-22"))
		if err == nil || !strings.Contains(err.Error(), table) {
			t.Errorf("%s: %v", table, err)
		}
	}
}

func TestUpkeepRunsAtOnceAndStopsWithContext(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, events).Pool
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	var log strings.Builder
	go func() {
		defer close(ended)
		broken := pg.Partitions{Table: "nowhere"}
		pg.RunMaintenance(ctx, pool, slog.New(slog.NewJSONHandler(&log, nil)), func() time.Time { return day("2026-11-22") }, broken, kept)
	}()
	for len(partitions(t, pool)) != 5 {
		if t.Context().Err() != nil {
			t.Fatal("no partitions")
		}
	}
	stop()
	<-ended
	if n := strings.Count(log.String(), "partition maintenance failed"); n != 1 {
		t.Errorf("%d failures logged: %s", n, log.String())
	}
}

// TestMaintenanceAwaitsTheFirstAnswer: a database that does not answer yet at the start is no fault.
func TestMaintenanceAwaitsTheFirstAnswer(t *testing.T) {
	t.Parallel()
	whole := pgtest.New(t, events).Pool
	cfg := whole.Config()
	var refused atomic.Int32
	cfg.BeforeConnect = func(context.Context, *pgx.ConnConfig) error {
		if refused.Add(1) == 1 {
			return errors.New("the sidecar is not up")
		}
		return nil
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	var log strings.Builder
	go func() {
		defer close(ended)
		pg.RunMaintenance(ctx, pool, slog.New(slog.NewJSONHandler(&log, nil)), func() time.Time { return day("2026-11-22") }, kept)
	}()
	expect.Eventually(t, "the partitions exist", func() bool { return len(partitions(t, whole)) == 5 })
	stop()
	<-ended
	if refused.Load() < 2 || log.String() != "" {
		t.Errorf("after %d connections the log is %q", refused.Load(), log.String())
	}
}
