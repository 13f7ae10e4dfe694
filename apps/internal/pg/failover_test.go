package pg_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

// to returns the configuration of a pool that connects to servers.
func to(servers ...*pgtest.Server) pg.Config {
	return pg.Config{Host: pgtest.Addresses(servers...), Port: 5432, Name: "postgres", User: "postgres", SSLMode: "disable", MaxConns: 8, PasswordSecret: "p"}
}

func anyPassword(string) (string, error) { return "any", nil }

// until retries do until it succeeds.
func until(t *testing.T, what string, do func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("not %s: %v", what, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// clients are goroutines that write and read through HTTP handlers until stop.
type clients struct {
	answers  [600]atomic.Int32 // by status
	accepted sync.Map          // the ids of writes that were answered 200
	next     atomic.Int32
	group    sync.WaitGroup
	stop     context.CancelFunc
}

func start(t *testing.T, pool *pgxpool.Pool) *clients {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	c := &clients{stop: stop}
	write := httpjson.Handler(func(w http.ResponseWriter, r *http.Request) error {
		_, err := pool.Exec(r.Context(), "INSERT INTO customer (id) VALUES ($1)", r.Context().Value(idKey{}))
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		return httpjson.Success(w, http.StatusOK, nil, "")
	})
	read := httpjson.Handler(func(w http.ResponseWriter, r *http.Request) error {
		var n int
		if err := pool.QueryRow(r.Context(), "SELECT count(*) FROM customer").Scan(&n); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		return httpjson.Success(w, http.StatusOK, n, "")
	})
	for range 4 {
		c.group.Go(func() {
			for ctx.Err() == nil {
				id := c.next.Add(1)
				if c.call(ctx, t, write, id) == http.StatusOK {
					c.accepted.Store(id, true)
				}
				c.call(ctx, t, read, id)
			}
		})
	}
	t.Cleanup(c.end)
	return c
}

type idKey struct{}

func (c *clients) call(ctx context.Context, t *testing.T, h http.Handler, id int32) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithValue(context.WithoutCancel(ctx), idKey{}, id), 2*time.Second)
	defer cancel()
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
	c.answers[recorder.Code].Add(1)
	if recorder.Code != http.StatusOK && (recorder.Code != http.StatusServiceUnavailable || recorder.Header().Get("Retry-After") == "") {
		t.Errorf("answered %d: %s", recorder.Code, recorder.Body)
	}
	return recorder.Code
}

func (c *clients) end() {
	c.stop()
	c.group.Wait()
}

// more waits until n more writes are answered 200.
func (c *clients) more(t *testing.T, n int) {
	t.Helper()
	size := func() (size int) {
		c.accepted.Range(func(any, any) bool { size++; return true })
		return size
	}
	wanted := size() + n
	until(t, "writing", func(context.Context) error {
		if got := size(); got < wanted {
			return fmt.Errorf("%d of %d writes", got, wanted)
		}
		return nil
	})
}

// refused waits until a request is answered 503.
func (c *clients) refused(t *testing.T) {
	t.Helper()
	before := c.answers[http.StatusServiceUnavailable].Load()
	until(t, "unavailable", func(context.Context) error {
		if c.answers[http.StatusServiceUnavailable].Load() == before {
			return fmt.Errorf("no 503")
		}
		return nil
	})
}

func TestFailoverLosesNoAcceptedWrite(t *testing.T) {
	t.Parallel()
	primary, standby := pgtest.NewPair(t)
	primary.Exec(t, "CREATE TABLE customer (id integer PRIMARY KEY)")
	pool := open(t, to(primary, standby), anyPassword)
	calls := listen(t, pool)
	calls.want(t, "listening false")
	calls.want(t, "listening true")
	c := start(t, pool)
	c.more(t, 50)

	primary.Kill(t)
	c.refused(t) // writes only, as the standby serves reads
	standby.Promote(t)
	c.more(t, 50)
	c.end()

	calls.want(t, "listening false")
	calls.want(t, "listening true")
	exec(t, pool, "SELECT pg_notify('one', 'after')")
	calls.want(t, "one after")
	c.accepted.Range(func(id, _ any) bool {
		if query[int](t, pool, "SELECT count(*) FROM customer WHERE id = $1", id) != 1 {
			t.Errorf("accepted write %d is lost", id)
		}
		return true
	})
}

func TestPoolLeavesPrimaryThatBecomesReadOnly(t *testing.T) {
	t.Parallel()
	primary, standby := pgtest.NewPair(t)
	primary.Exec(t, "CREATE TABLE customer (id integer PRIMARY KEY)")
	pool := open(t, to(primary, standby), anyPassword)
	calls := listen(t, pool)
	calls.want(t, "listening false")
	calls.want(t, "listening true")
	c := start(t, pool)
	c.more(t, 20)

	primary.SetReadOnly(t, true)
	c.refused(t)
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM customer").Scan(new(int)); err != nil {
		t.Errorf("read without a primary: %v", err)
	}
	standby.Promote(t)
	c.more(t, 20)
	c.end()
	calls.want(t, "listening false")
	calls.want(t, "listening true")

	until(t, "disconnected from the old primary", func(ctx context.Context) error {
		return noneTo(ctx, pool, primary.Address())
	})
}

// noneTo returns an error if pool has a connection to address.
func noneTo(ctx context.Context, pool *pgxpool.Pool, address string) error {
	for range pool.Config().MaxConns { // acquires all connections
		conn, err := pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		if conn.Conn().PgConn().Conn().RemoteAddr().String() == address {
			return fmt.Errorf("connection to %s", address)
		}
	}
	return nil
}

func TestReadsWorkWhileTheOnlyServerIsReadOnly(t *testing.T) {
	t.Parallel()
	primary, _ := pgtest.NewPair(t)
	primary.Exec(t, "CREATE TABLE customer (id integer PRIMARY KEY)")
	pool := open(t, to(primary), anyPassword)
	exec(t, pool, "INSERT INTO customer VALUES (1)")
	primary.SetReadOnly(t, true)
	for range 20 {
		if _, err := pool.Exec(t.Context(), "INSERT INTO customer VALUES (2)"); !pgerr.Unavailable(err) {
			t.Fatalf("write to a read-only server: %v", err)
		}
		if n := query[int](t, pool, "SELECT count(*) FROM customer"); n != 1 {
			t.Fatalf("%d rows", n)
		}
	}
	primary.SetReadOnly(t, false)
	until(t, "writing again", func(ctx context.Context) error {
		_, err := pool.Exec(ctx, "INSERT INTO customer VALUES (2) ON CONFLICT DO NOTHING")
		return err
	})
}

func TestServerConditionsAreAnsweredWith503(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"25006", "40001", "40P01", "53300", "55P03", "57014", "57P01", "57P02", "57P03", "57P04", "57P05", "08000", "08003", "08006", "58030"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t, tables).Pool
			recorder := httptest.NewRecorder()
			httpjson.Handler(func(http.ResponseWriter, *http.Request) error {
				_, err := pool.Exec(t.Context(), fmt.Sprintf("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '%s'; END $$", code))
				return fmt.Errorf("wrapped: %w", err)
			}).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
			if recorder.Code != http.StatusServiceUnavailable || recorder.Header().Get("Retry-After") != "2" {
				t.Errorf("answered %d %v", recorder.Code, recorder.Header())
			}
		})
	}
}
