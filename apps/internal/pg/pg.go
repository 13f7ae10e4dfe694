// Package pg connects a service to its PostgreSQL database: pools, failover,
// password rotation, migrations, notifications and monthly partitions. Package
// pgerr classifies errors.
package pg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

const (
	// connectTimeout is the timeout of connecting to one host, including the wait
	// for a password that is being rotated.
	connectTimeout = 2 * time.Second
	// pingTimeout is the timeout of the check of an idle connection, which may be
	// dead.
	pingTimeout = time.Second
	// directConns is the size of the pool that bypasses a pooler, in addition to
	// connections that listen.
	directConns = 2
)

// keepAlive detects a dead connection within 11 s.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}

// Open returns a pool that connects at its first use. New connections use a rotated
// password; existing ones stay open. The pool follows a failover, see failover.go.
func Open(cfg Config, secrets sidecar.Secrets) (*pgxpool.Pool, error) {
	poolConfig, err := poolConfig(cfg, secrets)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), poolConfig)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return pool, nil
}

func poolConfig(cfg Config, secrets sidecar.Secrets) (*pgxpool.Config, error) {
	poolConfig, err := pgxpool.ParseConfig(cfg.dsn())
	if err != nil {
		return nil, err
	}
	poolConfig.MaxConns = cfg.MaxConns
	poolConfig.MaxConnIdleTime = 5 * time.Minute
	poolConfig.PingTimeout = pingTimeout
	prepare(poolConfig.ConnConfig, cfg)
	hosts := newHosts(poolConfig.ConnConfig)
	secret := &password{secrets: secrets, name: cfg.PasswordSecret}
	poolConfig.BeforeConnect = func(ctx context.Context, conn *pgx.ConnConfig) error {
		hosts.set(conn)
		return secret.set(ctx, conn)
	}
	poolConfig.PrepareConn = expireReadOnly
	return poolConfig, nil
}

// prepare sets the options that all connections share.
func prepare(conn *pgx.ConnConfig, cfg Config) {
	conn.ConnectTimeout = connectTimeout
	conn.DialFunc = (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext
	conn.OnPgError = keepSession
	conn.Tracer = tracer{database: cfg.Name}
	if cfg.pooled() {
		// Prepared statements exist in one server session only. This mode describes
		// each statement once and then sends its text in one round trip.
		conn.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	conn.ValidateConnect = rejectPooler(cfg)
}

// Direct is a pool of connections that bypass a connection pooler, for LISTEN and
// session locks.
type Direct struct{ *pgxpool.Pool }

// OpenDirect returns the Direct of cfg. It is pool itself unless cfg has a pooler in
// transaction mode.
func OpenDirect(cfg Config, pool *pgxpool.Pool, secrets sidecar.Secrets) (Direct, error) {
	if !cfg.pooled() {
		return Direct{pool}, nil
	}
	direct, err := Open(cfg.Direct(), secrets)
	return Direct{direct}, err
}

// Workers is a pool of connections for work that requests wait for. Requests use another
// pool, so that this work goes on however many of them there are.
type Workers struct{ *pgxpool.Pool }

// workersShare is the part of Config.MaxConns that Workers has: a quarter.
const workersShare = 4

// Split returns the configurations of the pool for requests and of Workers. Both have at
// least one connection.
func (c Config) Split() (requests, workers Config) {
	requests, workers = c, c
	workers.MaxConns = max(1, c.MaxConns/workersShare)
	requests.MaxConns = max(1, c.MaxConns-workers.MaxConns)
	return requests, workers
}

// Ping returns a health.Check of the database. Its errors contain no host, user or
// statement.
func Ping(pool *pgxpool.Pool) func(context.Context) error {
	return func(ctx context.Context) error {
		err := pool.Ping(ctx)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errPooler):
			return errPooler
		}
		return errors.New("database does not answer")
	}
}
