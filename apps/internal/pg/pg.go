// Package pg connects a service to its PostgreSQL database: pools, failover,
// migrations, notifications, monthly partitions. SQL itself belongs to the
// services, and package pgerr classifies errors.
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
	// connectTimeout bounds the opening of a connection to one host, with the
	// wait for a password that is being rotated.
	connectTimeout = 2 * time.Second
	// pingTimeout bounds the check of a connection that was idle: a server that
	// died without a word does not answer.
	pingTimeout = time.Second
	// directConns bounds the pool past a pooler. A connection that listens
	// leaves the pool.
	directConns = 2
)

// keepAlive finds within 11 s that the server of a quiet connection is gone.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}

// Open returns a pool that connects when it is first used. A rotated password
// is taken up by each new connection; those that are open stay open. The pool
// follows a failover, as failover.go describes.
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
	poolConfig.PrepareConn = leaveReadOnly
	return poolConfig, nil
}

// prepare sets what all connections have in common.
func prepare(conn *pgx.ConnConfig, cfg Config) {
	conn.ConnectTimeout = connectTimeout
	conn.DialFunc = (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext
	conn.OnPgError = keepSession
	if cfg.pooled() {
		// A statement that one session of the server has prepared, another does
		// not know. This mode describes a statement once, in a session of its
		// own, and from then on sends it whole, in one round trip.
		conn.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	conn.ValidateConnect = rejectPooler(cfg)
}

// Direct is a pool of connections to the server itself, past a connection
// pooler: for LISTEN and for locks that outlive a transaction.
type Direct struct{ *pgxpool.Pool }

// OpenDirect returns the Direct beside pool, which is pool where no pooler in
// transaction mode is between.
func OpenDirect(cfg Config, pool *pgxpool.Pool, secrets sidecar.Secrets) (Direct, error) {
	if !cfg.pooled() {
		return Direct{pool}, nil
	}
	direct, err := Open(cfg.Direct(), secrets)
	return Direct{direct}, err
}

// Ping is the readiness check of a database. Its error names no host, user or
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
