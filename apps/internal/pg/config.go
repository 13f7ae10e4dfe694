package pg

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Config names a database. The password is a secret, named, not given.
type Config struct {
	// Host is the server, or several of them separated by commas, each with a
	// port of its own or Port: a primary and its standbys. Connections go to
	// the one that writes.
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
	// Pooler says what answers at Host and Port: none (PostgreSQL itself),
	// session or transaction (a connection pooler such as pgbouncer in that
	// mode). With transaction, DirectPort is required.
	Pooler Pooler `env:"DB_POOLER" envDefault:"none"`
	// DirectHost and DirectPort lead past the pooler to PostgreSQL itself, for
	// LISTEN, session locks and migrations. DirectHost is Host if empty.
	DirectHost string `env:"DB_DIRECT_HOST"`
	DirectPort int    `env:"DB_DIRECT_PORT"`
}

// Pooler is the mode of a connection pooler between a service and PostgreSQL.
type Pooler string

// The modes. The zero value is PoolerNone.
const (
	PoolerNone        Pooler = "none"
	PoolerSession     Pooler = "session"
	PoolerTransaction Pooler = "transaction"
)

// Validate reports every value that cannot be right.
func (c *Config) Validate() error {
	var faults []error
	if c.MaxConns < 1 || !isPort(c.Port) {
		faults = append(faults, errors.New("DB_MAX_CONNS must be positive and DB_PORT a port"))
	}
	switch c.Pooler {
	case "", PoolerNone, PoolerSession:
		if c.DirectHost != "" || c.DirectPort != 0 {
			faults = append(faults, errors.New("DB_DIRECT_HOST and DB_DIRECT_PORT are for DB_POOLER=transaction only"))
		}
	case PoolerTransaction:
		if !isPort(c.DirectPort) {
			faults = append(faults, errors.New("DB_POOLER=transaction needs DB_DIRECT_PORT, the port of PostgreSQL itself: LISTEN, session locks and migrations do not pass a pooler in transaction mode"))
		}
		if c.DirectPort == c.Port && (c.DirectHost == "" || c.DirectHost == c.Host) {
			faults = append(faults, errors.New("DB_DIRECT_HOST and DB_DIRECT_PORT lead to the pooler"))
		}
	default:
		faults = append(faults, fmt.Errorf("DB_POOLER must be none, session or transaction, not %q", c.Pooler))
	}
	return errors.Join(faults...)
}

func isPort(port int) bool { return port >= 1 && port <= 65535 }

// pooled reports whether two statements may reach two sessions of the server.
func (c *Config) pooled() bool { return c.Pooler == PoolerTransaction }

// Direct returns the configuration of connections to the server itself.
func (c *Config) Direct() Config {
	d := *c
	if !c.pooled() {
		return d
	}
	if c.DirectHost != "" {
		d.Host = c.DirectHost
	}
	d.Port, d.Pooler, d.MaxConns = c.DirectPort, PoolerNone, directConns
	d.DirectHost, d.DirectPort = "", 0
	return d
}

// dsn returns the configuration in libpq's form of keywords and values, which
// takes several hosts.
func (c *Config) dsn() string {
	var hosts, ports []string
	for host := range strings.SplitSeq(c.Host, ",") {
		name, port, err := net.SplitHostPort(host)
		if err != nil {
			name, port = host, strconv.Itoa(c.Port)
		}
		hosts, ports = append(hosts, name), append(ports, port)
	}
	settings := [][2]string{
		{"host", strings.Join(hosts, ",")},
		{"port", strings.Join(ports, ",")},
		{"dbname", c.Name},
		{"user", c.User},
		{"sslmode", c.SSLMode},
	}
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace
	words := make([]string, len(settings))
	for i, setting := range settings {
		words[i] = setting[0] + "='" + quote(setting[1]) + "'"
	}
	return strings.Join(words, " ")
}
