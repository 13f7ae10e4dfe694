package pg_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/phonebill/phonebill/apps/internal/pg"
)

// poolOf returns a pool of the given size that has not connected.
func poolOf(t *testing.T, size int32) *pgxpool.Pool {
	t.Helper()
	pool, err := pg.Open(pg.Config{Host: "127.0.0.1", Port: 1, Name: "x", User: "x", SSLMode: "disable", MaxConns: size}, secretsFunc(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func TestMetricsOfPools(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	pg.Register(registry, pg.PoolRequests, poolOf(t, 6))
	pg.Register(registry, pg.PoolWorkers, poolOf(t, 2))
	const want = `
# HELP phonebill_database_connections Connections of a pool, by state: acquired (in use), idle or constructing.
# TYPE phonebill_database_connections gauge
phonebill_database_connections{pool="requests",state="acquired"} 0
phonebill_database_connections{pool="requests",state="constructing"} 0
phonebill_database_connections{pool="requests",state="idle"} 0
phonebill_database_connections{pool="workers",state="acquired"} 0
phonebill_database_connections{pool="workers",state="constructing"} 0
phonebill_database_connections{pool="workers",state="idle"} 0
# HELP phonebill_database_max_connections Size of a pool.
# TYPE phonebill_database_max_connections gauge
phonebill_database_max_connections{pool="requests"} 6
phonebill_database_max_connections{pool="workers"} 2
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "phonebill_database_connections", "phonebill_database_max_connections"); err != nil {
		t.Error(err)
	}
}
