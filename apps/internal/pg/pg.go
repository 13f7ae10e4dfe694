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

// connectTimeout bounds the opening of a connection, with the wait for a
// password that is being rotated.
const connectTimeout = 2 * time.Second

// Open returns a pool that connects when it is first used. A rotated password
// is taken up by each new connection; those that are open stay open.
func Open(cfg Config, secrets sidecar.Secrets) (*pgxpool.Pool, error) {
	poolConfig, err := pgxpool.ParseConfig(cfg.url())
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	poolConfig.MaxConns = cfg.MaxConns
	poolConfig.MaxConnIdleTime = 5 * time.Minute
	poolConfig.ConnConfig.ConnectTimeout = connectTimeout
	poolConfig.BeforeConnect = (&password{secrets: secrets, name: cfg.PasswordSecret}).set
	pool, err := pgxpool.NewWithConfig(context.Background(), poolConfig)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return pool, nil
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
