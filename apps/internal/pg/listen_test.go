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

// nothing is a database without tables of ours: there must be one migration.
var nothing = fstest.MapFS{"001_nothing.sql": {Data: []byte("SELECT 1;")}}

// heard is what a listener was told.
type heard chan string

func listen(t *testing.T, pool *pgxpool.Pool) heard {
	t.Helper()
	told := make(heard, 100)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		pg.Listen(ctx, pg.Direct{Pool: pool}, slog.New(slog.NewTextHandler(io.Discard, nil)), pg.Listener{
			Channels:  []string{"one", "Two"},
			Listening: func(begun bool) { told <- fmt.Sprint("listening ", begun) },
			Notified:  func(channel, payload string) { told <- channel + " " + payload },
		})
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return told
}

func (h heard) want(t *testing.T, what string) {
	t.Helper()
	select {
	case got := <-h:
		if got != what {
			t.Errorf("heard %q, want %q", got, what)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("did not hear %q", what)
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, nothing).Pool
	told := listen(t, pool)
	told.want(t, "listening false")
	told.want(t, "listening true")

	say := func(channel, payload string) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), "SELECT pg_notify($1, $2)", channel, payload); err != nil {
			t.Fatal(err)
		}
	}
	say("one", "a")
	say("another", "b")
	say("Two", "c")
	told.want(t, "one a")
	told.want(t, "Two c")

	// A lost connection is replaced, and that is told.
	if _, err := pool.Exec(t.Context(), `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND query LIKE 'LISTEN%'`); err != nil {
		t.Fatal(err)
	}
	told.want(t, "listening false")
	told.want(t, "listening true")
	say("one", "d")
	told.want(t, "one d")
}

// A connection that says nothing for longer than it may is asked and kept.
func TestListenSurvivesSilence(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, nothing).Pool
	told := listen(t, pool)
	told.want(t, "listening false")
	told.want(t, "listening true")
	var asked int
	for asked == 0 { // the probe is the connection's newest statement
		err := pool.QueryRow(t.Context(), `
			SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND query LIKE 'SHOW transaction_read_only' AND pid <> pg_backend_pid()`).Scan(&asked)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-told:
			t.Fatalf("heard %q", got)
		case <-time.After(50 * time.Millisecond):
		}
	}
	if _, err := pool.Exec(t.Context(), "SELECT pg_notify('one', 'still here')"); err != nil {
		t.Fatal(err)
	}
	told.want(t, "one still here")
}
