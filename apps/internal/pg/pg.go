// Package pg connects a service to its PostgreSQL database: pool, migrations,
// error classes, monthly partitions. SQL itself belongs to the services.
package pg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// Config names a database. The password is a secret, named, not given.
type Config struct {
	Host string `env:"DB_HOST" envDefault:"127.0.0.1"`
	Port int    `env:"DB_PORT" envDefault:"5432"`
	Name string `env:"DB_NAME,required"`
	User string `env:"DB_USER,required"`
	// PasswordSecret is the name of the secret that holds the password. It is
	// not asked for where PGPASSFILE gives one.
	PasswordSecret string `env:"DB_PASSWORD_SECRET,required"`
	SSLMode        string `env:"DB_SSLMODE" envDefault:"disable"`
	// MaxConns bounds the pool. Replicas times this must stay below the
	// server's max_connections.
	MaxConns int32 `env:"DB_MAX_CONNS" envDefault:"10"`
}

// Validate reports values that no server takes.
func (c *Config) Validate() error {
	if c.MaxConns < 1 || c.Port < 1 || c.Port > 65535 {
		return errors.New("DB_MAX_CONNS must be positive and DB_PORT a port")
	}
	return nil
}

func (c *Config) url() string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(c.User),
		Host:     net.JoinHostPort(c.Host, strconv.Itoa(c.Port)),
		Path:     c.Name,
		RawQuery: url.Values{"sslmode": {c.SSLMode}}.Encode(),
	}
	return u.String()
}

// Open returns a pool that connects when it is first used. Each new connection
// asks for the password again, so that a rotated one is taken up.
func Open(cfg Config, secrets sidecar.Secrets) (*pgxpool.Pool, error) {
	poolConfig, err := pgxpool.ParseConfig(cfg.url())
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	poolConfig.MaxConns = cfg.MaxConns
	poolConfig.MaxConnIdleTime = 5 * time.Minute
	poolConfig.ConnConfig.ConnectTimeout = 2 * time.Second
	poolConfig.BeforeConnect = func(ctx context.Context, conn *pgx.ConnConfig) error {
		return setPassword(ctx, conn, cfg, secrets)
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), poolConfig)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return pool, nil
}

// errNoPassword means that the secret store could not be asked.
var errNoPassword = errors.New("database password is not to be had")

// setPassword keeps a password that a password file gave.
func setPassword(ctx context.Context, conn *pgx.ConnConfig, cfg Config, secrets sidecar.Secrets) error {
	if conn.Password != "" {
		return nil
	}
	password, err := secrets.Secret(ctx, cfg.PasswordSecret)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoPassword, err)
	}
	conn.Password = password
	return nil
}

// Ping is the readiness check of a database. Its error names no host, user or
// statement.
func Ping(pool *pgxpool.Pool) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := pool.Ping(ctx); err != nil {
			return errors.New("database does not answer")
		}
		return nil
	}
}
