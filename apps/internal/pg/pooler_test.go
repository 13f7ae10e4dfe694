package pg_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

// TestPoolerInTransactionMode executes statements in all ways concurrently, while
// the server session changes. Prepared statements would fail, being unknown in a
// session or having the name of another one.
func TestPoolerInTransactionMode(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, tables)
	cfg := pgtest.Pooled(t, database)
	pool := open(t, cfg, passwordOf(database))
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 25 {
				id := worker*1000 + i
				if err := everyWay(t.Context(), pool, id); err != nil {
					t.Errorf("statement %d: %v", id, err)
					return
				}
			}
		})
	}
	group.Wait()
	if n := query[int](t, pool, "SELECT count(*) FROM customer"); n != 8*25*3 {
		t.Errorf("%d rows", n)
	}
}

type beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error)
}

func everyWay(ctx context.Context, pool beginner, id int) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO customer VALUES ($1, $2)", 3*id, fmt.Sprint("line ", id))
		return err
	})
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO customer VALUES ($1)", 3*id+1)
	batch.Queue("SELECT count(*) FROM customer WHERE id = $1", 3*id+1)
	if err := pool.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	_, err = pool.CopyFrom(ctx, pgx.Identifier{"customer"}, []string{"id"}, pgx.CopyFromRows([][]any{{int32(3*id + 2)}}))
	return err
}

func TestListenAndMigrateBypassThePooler(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, tables)
	cfg := pgtest.Pooled(t, database)
	pool := open(t, cfg, passwordOf(database))
	direct, err := pg.OpenDirect(cfg, pool, passwordOf(database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(direct.Close)
	calls := listen(t, direct.Pool)
	calls.want(t, "listening false")
	calls.want(t, "listening true")
	exec(t, pool, "SELECT pg_notify('one', 'through the pooler')")
	calls.want(t, "one through the pooler")

	var group sync.WaitGroup
	for range 5 { // serialized by a session lock
		group.Go(func() {
			if version, err := pg.Migrate(t.Context(), cfg, passwordOf(database), steps("CREATE TABLE second ();")); err != nil || version.After != 2 {
				t.Errorf("version %+v, %v", version, err)
			}
		})
	}
	group.Wait()
}

func TestUnconfiguredPoolerIsRejected(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, tables)
	cfg := pgtest.Pooled(t, database)
	cfg.Pooler, cfg.DirectHost, cfg.DirectPort = pg.PoolerNone, "", 0
	pool := open(t, cfg, passwordOf(database))
	if _, err := pool.Exec(t.Context(), "SELECT 1"); !pgerr.Unavailable(err) {
		t.Errorf("statement: %v", err)
	}
	_, migrated := pg.Migrate(t.Context(), cfg, passwordOf(database), tables)
	for what, err := range map[string]error{"migrate": migrated, "readiness": pg.Ping(pool)(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "set DB_POOLER") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestPoolerConfigIsValidated(t *testing.T) {
	t.Parallel()
	base := pg.Config{Host: "h", Port: 6432, MaxConns: 1}
	with := func(change func(*pg.Config)) pg.Config {
		cfg := base
		change(&cfg)
		return cfg
	}
	for want, cfg := range map[string]pg.Config{
		"":                                     with(func(c *pg.Config) { c.Pooler, c.DirectPort = pg.PoolerTransaction, 5432 }),
		"requires DB_DIRECT_PORT":              with(func(c *pg.Config) { c.Pooler = pg.PoolerTransaction }),
		"are the pooler's address":             with(func(c *pg.Config) { c.Pooler, c.DirectPort = pg.PoolerTransaction, 6432 }),
		"require DB_POOLER=transaction":        with(func(c *pg.Config) { c.DirectPort = 5432 }),
		"must be none, session or transaction": with(func(c *pg.Config) { c.Pooler = "statement" }),
	} {
		err := cfg.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
	if err := (&pg.Config{Port: 1, MaxConns: 1}).Validate(); err != nil {
		t.Error(err)
	}
}
