package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

func TestMain(m *testing.M) {
	// The cache's clean-up goroutine ends when the cache is garbage collected.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

// migration returns the audit migration, which is the same in all services.
func migration(t *testing.T) []byte {
	t.Helper()
	files, err := filepath.Glob("../../*/internal/postgres/migrations/*_audit.sql")
	expect.NoError(t, err)
	var text []byte
	for _, file := range files {
		read, err := os.ReadFile(file)
		expect.NoError(t, err)
		if text != nil && !bytes.Equal(read, text) {
			t.Errorf("%s differs from the other services' migrations", file)
		}
		text = read
	}
	if len(files) != 3 {
		t.Fatalf("%d services have an audit migration, want 3: %v", len(files), files)
	}
	return text
}

// setup returns a database with an empty trail.
func setup(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return pgtest.New(t, fstest.MapFS{"001_audit.sql": {Data: migration(t)}}).Pool
}

var noon = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// act returns the nth event of the actor root, one second after the previous.
func act(n int) audit.Event {
	return audit.Event{
		At: noon.Add(time.Duration(n) * time.Second), Actor: "root", SessionID: "s1", Action: "USER_SUSPEND",
		Target: fmt.Sprintf("user%d", n), Detail: "", Outcome: audit.Done, TraceID: "t1", Address: "192.0.2.1",
	}
}

func add(t *testing.T, pool *pgxpool.Pool, events ...audit.Event) {
	t.Helper()
	for _, e := range events {
		expect.NoError(t, audit.Insert(t.Context(), pool, e))
	}
}

// listed returns the events that match filter, without their ids.
func listed(t *testing.T, pool *pgxpool.Pool, filter audit.Filter) []audit.Event {
	t.Helper()
	if filter.Size == 0 {
		filter.Size = 100
	}
	events, err := audit.List(t.Context(), pool, filter)
	expect.NoError(t, err)
	for i := range events {
		if events[i].ID.Version() != 7 {
			t.Errorf("id %s is not of version 7", events[i].ID)
		}
		events[i].ID = uuid.Nil
	}
	return events
}

func TestListReturnsNewestFirst(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	denied := audit.Event{At: noon, Actor: "kim", Action: "GET /users", Outcome: audit.Denied}
	add(t, pool, act(1), denied, act(3), act(2))
	for name, c := range map[string]struct {
		filter audit.Filter
		want   []audit.Event
	}{
		"all":     {audit.Filter{}, []audit.Event{act(3), act(2), act(1), denied}},
		"actor":   {audit.Filter{Actor: "kim"}, []audit.Event{denied}},
		"target":  {audit.Filter{Target: "user2"}, []audit.Event{act(2)}},
		"action":  {audit.Filter{Action: "GET /users"}, []audit.Event{denied}},
		"outcome": {audit.Filter{Outcome: audit.Done}, []audit.Event{act(3), act(2), act(1)}},
		"time":    {audit.Filter{From: act(1).At, Until: act(3).At}, []audit.Event{act(2), act(1)}},
		"size":    {audit.Filter{Size: 1}, []audit.Event{act(3)}},
		"nothing": {audit.Filter{Actor: "lee"}, []audit.Event{}},
	} {
		if diff := cmp.Diff(c.want, listed(t, pool, c.filter)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPageContinuesThePreviousPage(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	var want []string
	for n := range 25 {
		e := act(n / 5) // five events share a time
		e.Target = fmt.Sprint(n)
		add(t, pool, e)
		want = append(want, e.Target)
	}
	slices.Reverse(want)
	var got []string
	filter := audit.Filter{Size: 4}
	for {
		events, err := audit.List(t.Context(), pool, filter)
		expect.NoError(t, err)
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			got = append(got, e.Target)
		}
		filter.Before, err = audit.ParseCursor(audit.CursorOf(events[len(events)-1]).String())
		expect.NoError(t, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("difference (-want +got):\n%s", diff)
	}
}

// TestTrailIsAppendOnly also checks the partitions that Maintain creates. Only
// Maintain itself drops rows: whole partitions that have expired.
func TestTrailIsAppendOnly(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	add(t, pool, act(1))
	expect.NoError(t, audit.Table.Maintain(t.Context(), pool, noon)) // moves the row from the default partition
	expect.NoError(t, audit.Table.Maintain(t.Context(), pool, noon))
	add(t, pool, act(2), audit.Event{At: noon.AddDate(1, 0, 0), Outcome: audit.Done}) // the last into the default partition
	for _, sql := range []string{
		"UPDATE audit_event SET actor = 'kim'",
		"DELETE FROM audit_event",
		"DELETE FROM audit_event_202611",
		"DELETE FROM audit_event_default",
		"TRUNCATE audit_event",
		"TRUNCATE audit_event_202611",
		"TRUNCATE audit_event_202701",
		"TRUNCATE audit_event_default",
		"INSERT INTO audit_event SELECT * FROM audit_event ON CONFLICT (event_id, at) DO UPDATE SET actor = 'kim'",
	} {
		_, err := pool.Exec(t.Context(), sql)
		if fault, ok := errors.AsType[*pgconn.PgError](err); !ok || fault.Code != "42501" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if got := listed(t, pool, audit.Filter{Actor: "root"}); len(got) != 2 {
		t.Errorf("got %d events, want 2: %v", len(got), got)
	}

	expect.NoError(t, audit.Table.Maintain(t.Context(), pool, noon.AddDate(2, 0, 0)))
	if got := listed(t, pool, audit.Filter{Actor: "root"}); len(got) != 2 {
		t.Errorf("after two years: %d events, want 2", len(got))
	}
	expect.NoError(t, audit.Table.Maintain(t.Context(), pool, noon.AddDate(2, 1, 0)))
	if got := listed(t, pool, audit.Filter{Actor: "root"}); len(got) != 0 {
		t.Errorf("after 25 months: %d events, want 0", len(got))
	}
}

func TestInsertCommitsWithItsTransaction(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	undo := errors.New("undo")
	for _, end := range []error{undo, nil} {
		err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			return errors.Join(audit.Insert(t.Context(), tx, act(1)), end)
		})
		if !errors.Is(err, end) {
			t.Fatal(err)
		}
		want := 1
		if end != nil {
			want = 0
		}
		if got := listed(t, pool, audit.Filter{}); len(got) != want {
			t.Errorf("transaction ended with %v: %d events, want %d", end, len(got), want)
		}
	}
}

func TestTextsAreTruncatedAndPrintable(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	e := act(1)
	e.Target, e.Actor = "a\x00b\nc\x7f가", strings.Repeat("x", 1000)
	add(t, pool, e)
	got := listed(t, pool, audit.Filter{})[0]
	if got.Target != "a?b?c????" || len(got.Actor) != 200 {
		t.Errorf("target %q, actor of %d bytes", got.Target, len(got.Actor))
	}
}

func TestWriterWritesOfferedEvents(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	writer := audit.NewWriter(pool, slog.New(slog.DiscardHandler), groupcommit.NewMetrics(prometheus.NewRegistry()))
	for n := range 50 {
		e := act(n)
		e.ID = uuid.Must(uuid.NewV7())
		if !writer.Offer(t.Context(), e) {
			t.Fatal("Offer reports a full buffer")
		}
	}
	writer.Start()
	expect.NoError(t, writer.Stop(t.Context()))
	if got := listed(t, pool, audit.Filter{}); len(got) != 50 {
		t.Errorf("%d events written, want 50", len(got))
	}
}

func TestWriterWaitsForTheMigration(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, fstest.MapFS{"001_nothing.sql": {Data: []byte("SELECT 1;\n---- create above / drop below ----\n")}}).Pool
	writer := audit.NewWriter(pool, slog.New(slog.DiscardHandler), groupcommit.NewMetrics(prometheus.NewRegistry()))
	writer.Start()
	e := act(1)
	e.ID = uuid.Must(uuid.NewV7())
	writer.Offer(t.Context(), e)
	up, _, _ := strings.Cut(string(migration(t)), "---- create above")
	_, err := pool.Exec(t.Context(), up)
	expect.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	expect.NoError(t, writer.Stop(ctx))
	if got := listed(t, pool, audit.Filter{}); len(got) != 1 {
		t.Errorf("%d events written, want 1", len(got))
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add("")
	f.Add(audit.CursorOf(audit.Event{ID: uuid.Must(uuid.NewV7()), At: noon}).String())
	f.Add("-1.00000000-0000-0000-0000-000000000000")
	f.Add("9223372036854775807.00000000-0000-0000-0000-000000000000")
	f.Add("1.{00000000-0000-0000-0000-00000000000}")
	f.Add("+5.00000000-0000-0000-0000-000000000000")
	f.Fuzz(func(t *testing.T, text string) {
		cursor, err := audit.ParseCursor(text)
		if err != nil || text == "" {
			return
		}
		again, err := audit.ParseCursor(cursor.String())
		if err != nil || again.String() != cursor.String() {
			t.Errorf("%q parses as %q, which parses as %q, %v", text, cursor, again, err)
		}
	})
}
