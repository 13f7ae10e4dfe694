package pg_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

// nothing is an empty schema. pgtest requires at least one migration.
var nothing = fstest.MapFS{"001_nothing.sql": {Data: []byte("SELECT 1;")}}

// callbacks are the calls of a Listener's functions.
type callbacks chan string

func listen(t *testing.T, pool *pgxpool.Pool) callbacks {
	t.Helper()
	calls := make(callbacks, 100)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		pg.Listen(ctx, pg.Direct{Pool: pool}, slog.New(slog.NewTextHandler(io.Discard, nil)), pg.Listener{
			Channels:  []string{"one", "Two"},
			Listening: func(listening bool) { calls <- fmt.Sprint("listening ", listening) },
			Notified:  func(channel, payload string) { calls <- channel + " " + payload },
		})
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return calls
}

func (c callbacks) want(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-c:
		if got != want {
			t.Errorf("got callback %q, want %q", got, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("no callback, want %q", want)
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, nothing).Pool
	calls := listen(t, pool)
	calls.want(t, "listening false")
	calls.want(t, "listening true")

	notify := func(channel, payload string) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), "SELECT pg_notify($1, $2)", channel, payload); err != nil {
			t.Fatal(err)
		}
	}
	notify("one", "a")
	notify("another", "b")
	notify("Two", "c")
	calls.want(t, "one a")
	calls.want(t, "Two c")

	// A lost connection is replaced.
	if _, err := pool.Exec(t.Context(), `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND query LIKE 'LISTEN%'`); err != nil {
		t.Fatal(err)
	}
	calls.want(t, "listening false")
	calls.want(t, "listening true")
	notify("one", "d")
	calls.want(t, "one d")
}

func TestListenKeepsIdleConnectionAfterProbe(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, nothing).Pool
	calls := listen(t, pool)
	calls.want(t, "listening false")
	calls.want(t, "listening true")
	var probed int
	for probed == 0 { // until the probe is the connection's last statement
		err := pool.QueryRow(t.Context(), `
			SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND query LIKE 'SHOW transaction_read_only' AND pid <> pg_backend_pid()`).Scan(&probed)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-calls:
			t.Fatalf("got callback %q", got)
		case <-time.After(50 * time.Millisecond):
		}
	}
	if _, err := pool.Exec(t.Context(), "SELECT pg_notify('one', 'after the probe')"); err != nil {
		t.Fatal(err)
	}
	calls.want(t, "one after the probe")
}
