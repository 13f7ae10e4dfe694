package pg_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

func TestUnavailableBySQLState(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, tables).Pool
	raise := func(code string) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			_, err := pool.Exec(ctx, fmt.Sprintf("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '%s'; END $$", code))
			return err
		}
	}
	statement := func(sql string, args ...any) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			_, err := pool.Exec(ctx, sql, args...)
			return err
		}
	}
	scan := func(sql string, into any) func(ctx context.Context) error {
		return func(ctx context.Context) error { return pool.QueryRow(ctx, sql).Scan(into) }
	}
	tests := map[string]struct {
		do   func(ctx context.Context) error
		want bool
	}{
		"serialization failure": {raise("40001"), true},
		"deadlock":              {raise("40P01"), true},
		"too many connections":  {raise("53300"), true},
		"disk full":             {raise("53100"), true},
		"statement timeout":     {raise("57014"), true},
		"shutting down":         {raise("57P01"), true},
		"input/output error":    {raise("58030"), true},
		"connection failure":    {raise("08006"), true},
		"raised by a function":  {raise("P0001"), false},
		"check violation":       {raise("23514"), false},
		"syntax":                {statement("SELEC"), false},
		"undefined table":       {statement("SELECT * FROM nowhere"), false},
		"out of range":          {statement("SELECT 1::integer / 0"), false},
		"argument out of range": {statement("SELECT $1::integer", int64(1)<<40), false},
		"argument of no type":   {statement("SELECT $1::integer", struct{}{}), false},
		"too few arguments":     {statement("SELECT $1::integer"), false},
		"no rows":               {scan("SELECT 1 WHERE false", new(int)), false},
		"other type":            {scan("SELECT 'x'", new(int)), false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tc.do(t.Context())
			if err == nil || pgerr.Unavailable(fmt.Errorf("wrapped: %w", err)) != tc.want {
				t.Errorf("want %t: %v", tc.want, err)
			}
		})
	}
	if pgerr.Unavailable(nil) {
		t.Error("success is unavailable")
	}
}

// TestUnavailableWhenTheConnectionIsLost executes statements in all ways that the
// services use.
func TestUnavailableWhenTheConnectionIsLost(t *testing.T) {
	t.Parallel()
	ways := map[string]func(ctx context.Context, pool *pgxpool.Pool) error{
		"statement": func(ctx context.Context, pool *pgxpool.Pool) error {
			_, err := pool.Exec(ctx, "SELECT pg_sleep(60)")
			return err
		},
		"row": func(ctx context.Context, pool *pgxpool.Pool) error {
			var text string
			return pool.QueryRow(ctx, "SELECT pg_sleep(60)::text").Scan(&text)
		},
		"batch": func(ctx context.Context, pool *pgxpool.Pool) error {
			batch := &pgx.Batch{}
			batch.Queue("INSERT INTO customer VALUES (1)")
			batch.Queue("SELECT pg_sleep(60)")
			return pool.SendBatch(ctx, batch).Close()
		},
		"transaction": func(ctx context.Context, pool *pgxpool.Pool) error {
			return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
				_, err := tx.Exec(ctx, "SELECT pg_sleep(60)")
				return err
			})
		},
		"copy": func(ctx context.Context, pool *pgxpool.Pool) error {
			endless := pgx.CopyFromFunc(func() ([]any, error) { return []any{strings.Repeat("x", 1<<10)}, nil })
			_, err := pool.CopyFrom(ctx, pgx.Identifier{"note"}, []string{"text"}, endless)
			return err
		},
	}
	losses := map[string]func(t *testing.T, database *pgtest.Database, proxy *network){
		"backend terminated": func(t *testing.T, database *pgtest.Database, _ *network) { t.Helper(); terminate(t, database) },
		"connection cut":     func(_ *testing.T, _ *pgtest.Database, proxy *network) { proxy.cut() },
	}
	for way, do := range ways {
		for loss, lose := range losses {
			t.Run(way+", "+loss, func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t, tables)
				proxy, cfg := between(t, database.Config)
				pool := open(t, cfg, passwordOf(database))
				failed := make(chan error, 1)
				go func() { failed <- do(t.Context(), pool) }()
				awaitStatement(t, database)
				lose(t, database, proxy)
				if err := <-failed; !pgerr.Unavailable(err) {
					t.Errorf("not Unavailable: %v", err)
				}
				query[int](t, pool, "SELECT 1") // the pool recovers
			})
		}
	}
}

const others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"

// awaitStatement waits until another session executes a statement.
func awaitStatement(t *testing.T, database *pgtest.Database) {
	t.Helper()
	for query[int](t, database.Pool, "SELECT count(*)::integer "+others+" AND (query LIKE '%pg_sleep%' OR query ILIKE 'copy%') AND state = 'active'") == 0 {
		if t.Context().Err() != nil {
			t.Fatal("no statement")
		}
	}
}

func terminate(t *testing.T, database *pgtest.Database) {
	t.Helper()
	if n := query[int](t, database.Pool, "SELECT count(pg_terminate_backend(pid))::integer "+others); n == 0 {
		t.Fatal("nothing to terminate")
	}
}

func TestUnavailableWhenTheServerCannotBeReached(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, tables)
	proxy, cfg := between(t, database.Config)
	cfg.MaxConns = 1
	pool := open(t, cfg, passwordOf(database))
	query[int](t, pool, "SELECT 1")

	t.Run("idle connection terminated", func(t *testing.T) {
		terminate(t, database)
		// The first statement may fail, but only as Unavailable.
		if _, err := pool.Exec(t.Context(), "SELECT 1"); err != nil && !pgerr.Unavailable(err) {
			t.Errorf("got %v", err)
		}
		query[int](t, pool, "SELECT 1")
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := pool.Exec(ctx, "SELECT 1"); !errors.Is(err, context.Canceled) || pgerr.Unavailable(err) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("pool exhausted", func(t *testing.T) {
		conn, err := pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Release()
		wantUnavailable(t, pool, 10*time.Millisecond)
	})
	t.Run("hung", func(t *testing.T) {
		proxy.hang(true)
		wantUnavailable(t, pool, 50*time.Millisecond)
		proxy.hang(false)
		proxy.cut()
	})
	t.Run("pool closed", func(t *testing.T) {
		closed := open(t, database.Config, passwordOf(database))
		closed.Close()
		wantUnavailable(t, closed, time.Second)
	})
	t.Run("refused", func(t *testing.T) {
		_ = proxy.listener.Close()
		proxy.cut()
		wantUnavailable(t, pool, 10*time.Second)
	})
}

func wantUnavailable(t *testing.T, pool *pgxpool.Pool, limit time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if _, err := pool.Exec(ctx, "SELECT 1"); !pgerr.Unavailable(err) {
		t.Errorf("not Unavailable: %v", err)
	}
}
