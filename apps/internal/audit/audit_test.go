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
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

func TestMain(m *testing.M) {
	// A cache's clean-up ends when the cache is collected, whenever that is.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

// migration returns the one that all services have.
func migration(t *testing.T) []byte {
	t.Helper()
	files, err := filepath.Glob("../../*/internal/postgres/migrations/*_audit.sql")
	must(t, err)
	var text []byte
	for _, file := range files {
		read, err := os.ReadFile(file)
		must(t, err)
		if text != nil && !bytes.Equal(read, text) {
			t.Errorf("%s differs from those of other services", file)
		}
		text = read
	}
	if len(files) != 3 {
		t.Fatalf("%d services have a trail: %v", len(files), files)
	}
	return text
}

// setup returns a database with an empty trail.
func setup(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return pgtest.New(t, fstest.MapFS{"001_audit.sql": {Data: migration(t)}}).Pool
}

var noon = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// act is the nth of root's acts, a second after the one before.
func act(n int) audit.Event {
	return audit.Event{
		At: noon.Add(time.Duration(n) * time.Second), Actor: "root", SessionID: "s1", Action: "USER_SUSPEND",
		Target: fmt.Sprintf("user%d", n), Detail: "", Outcome: audit.Done, TraceID: "t1", Address: "192.0.2.1",
	}
}

func add(t *testing.T, pool *pgxpool.Pool, events ...audit.Event) {
	t.Helper()
	for _, e := range events {
		must(t, audit.Insert(t.Context(), pool, e))
	}
}

// listed returns the events that filter chooses, without their ids.
func listed(t *testing.T, pool *pgxpool.Pool, filter audit.Filter) []audit.Event {
	t.Helper()
	if filter.Size == 0 {
		filter.Size = 100
	}
	events, err := audit.List(t.Context(), pool, filter)
	must(t, err)
	for i := range events {
		if events[i].ID.Version() != 7 {
			t.Errorf("the id is %s", events[i].ID)
		}
		events[i].ID = uuid.Nil
	}
	return events
}

func TestTheTrailIsListedNewestFirst(t *testing.T) {
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

func TestAPageContinuesTheOneBefore(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	var want []string
	for n := range 25 {
		e := act(n / 5) // of five, the time is the same
		e.Target = fmt.Sprint(n)
		add(t, pool, e)
		want = append(want, e.Target)
	}
	slices.Reverse(want)
	var got []string
	filter := audit.Filter{Size: 4}
	for {
		events, err := audit.List(t.Context(), pool, filter)
		must(t, err)
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			got = append(got, e.Target)
		}
		filter.Before, err = audit.ParseCursor(audit.CursorOf(events[len(events)-1]).String())
		must(t, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("difference (-want +got):\n%s", diff)
	}
}

// TestNothingIsChanged also once upkeep has made partitions. Only upkeep itself
// drops a month, as a whole and when it is old.
func TestNothingIsChanged(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	add(t, pool, act(1))
	must(t, audit.Table.Maintain(t.Context(), pool, noon)) // moves the row out of the default partition
	must(t, audit.Table.Maintain(t.Context(), pool, noon))
	add(t, pool, act(2), audit.Event{At: noon.AddDate(1, 0, 0), Outcome: audit.Done}) // the last into the default partition
	for _, sql := range []string{
		"UPDATE audit_event SET actor = 'nobody'",
		"DELETE FROM audit_event",
		"DELETE FROM audit_event_202611",
		"DELETE FROM audit_event_default",
		"TRUNCATE audit_event",
		"TRUNCATE audit_event_202611",
		"TRUNCATE audit_event_202701",
		"TRUNCATE audit_event_default",
		"INSERT INTO audit_event SELECT * FROM audit_event ON CONFLICT (event_id, at) DO UPDATE SET actor = 'nobody'",
	} {
		_, err := pool.Exec(t.Context(), sql)
		if fault, ok := errors.AsType[*pgconn.PgError](err); !ok || fault.Code != "42501" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if got := listed(t, pool, audit.Filter{Actor: "root"}); len(got) != 2 {
		t.Errorf("left are %v", got)
	}

	must(t, audit.Table.Maintain(t.Context(), pool, noon.AddDate(2, 0, 0)))
	if got := listed(t, pool, audit.Filter{Actor: "root"}); len(got) != 2 {
		t.Errorf("after two years there are %d events", len(got))
	}
	must(t, audit.Table.Maintain(t.Context(), pool, noon.AddDate(2, 1, 0)))
	if got := listed(t, pool, audit.Filter{Actor: "root"}); len(got) != 0 {
		t.Errorf("after more than two years there are %d events", len(got))
	}
}

func TestAnEventIsThereIfItsTransactionIs(t *testing.T) {
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
			t.Errorf("there are %d events after %v", len(got), end)
		}
	}
}

func TestWhatComesFromOutsideIsBoundedAndPlain(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	e := act(1)
	e.Target, e.Actor = "a\x00b\nc\x7f가", strings.Repeat("x", 1000)
	add(t, pool, e)
	got := listed(t, pool, audit.Filter{})[0]
	if got.Target != "a?b?c????" || len(got.Actor) != 200 {
		t.Errorf("kept is %q by %d characters", got.Target, len(got.Actor))
	}
}

func TestTheWriterWritesWhatItIsOffered(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	writer := audit.NewWriter(pool, slog.New(slog.DiscardHandler), groupcommit.NewMetrics(prometheus.NewRegistry()))
	for n := range 50 {
		e := act(n)
		e.ID = uuid.Must(uuid.NewV7())
		if !writer.Offer(t.Context(), e) {
			t.Fatal("there was no room")
		}
	}
	writer.Start()
	must(t, writer.Stop(t.Context()))
	if got := listed(t, pool, audit.Filter{}); len(got) != 50 {
		t.Errorf("%d events are there", len(got))
	}
}

func TestTheWriterWaitsForTheTable(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, fstest.MapFS{"001_nothing.sql": {Data: []byte("SELECT 1;\n---- create above / drop below ----\n")}}).Pool
	writer := audit.NewWriter(pool, slog.New(slog.DiscardHandler), groupcommit.NewMetrics(prometheus.NewRegistry()))
	writer.Start()
	e := act(1)
	e.ID = uuid.Must(uuid.NewV7())
	writer.Offer(t.Context(), e)
	up, _, _ := strings.Cut(string(migration(t)), "---- create above")
	_, err := pool.Exec(t.Context(), up)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	must(t, writer.Stop(ctx))
	if got := listed(t, pool, audit.Filter{}); len(got) != 1 {
		t.Errorf("%d events are there", len(got))
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
			t.Errorf("%q is read as %q and that as %q, %v", text, cursor, again, err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
