package pg

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Config configures the connections to a database.
type Config struct {
	// Host is one server or several, separated by commas, each host[:port]: a primary
	// and its standbys. Connections go to the primary.
	Host string `env:"DB_HOST" envDefault:"127.0.0.1"`
	Port int    `env:"DB_PORT" envDefault:"5432"`
	Name string `env:"DB_NAME,required"`
	User string `env:"DB_USER,required"`
	// PasswordSecret is the name of the secret with the password. It is not read if
	// PGPASSFILE has a password.
	PasswordSecret string `env:"DB_PASSWORD_SECRET,required"`
	SSLMode        string `env:"DB_SSLMODE" envDefault:"disable"`
	// MaxConns is the size of all pools together. MaxConns times the number of replicas
	// must be below the server's max_connections.
	MaxConns int32 `env:"DB_MAX_CONNS" envDefault:"10"`
	// Pooler is the mode of the connection pooler (such as pgbouncer) at Host and
	// Port, or none. With transaction, DirectPort is required.
	Pooler Pooler `env:"DB_POOLER" envDefault:"none"`
	// DirectHost and DirectPort are the address of PostgreSQL behind the pooler, for
	// LISTEN, session locks and migrations. DirectHost defaults to Host.
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

// Validate implements config.Validator.
func (c *Config) Validate() error {
	var faults []error
	if c.MaxConns < 1 || !isPort(c.Port) {
		faults = append(faults, errors.New("DB_MAX_CONNS must be positive and DB_PORT a port"))
	}
	switch c.Pooler {
	case "", PoolerNone, PoolerSession:
		if c.DirectHost != "" || c.DirectPort != 0 {
			faults = append(faults, errors.New("DB_DIRECT_HOST and DB_DIRECT_PORT require DB_POOLER=transaction"))
		}
	case PoolerTransaction:
		if !isPort(c.DirectPort) {
			faults = append(faults, errors.New("DB_POOLER=transaction requires DB_DIRECT_PORT, the port of PostgreSQL itself: LISTEN, session locks and migrations do not work through a pooler in transaction mode"))
		}
		if c.DirectPort == c.Port && (c.DirectHost == "" || c.DirectHost == c.Host) {
			faults = append(faults, errors.New("DB_DIRECT_HOST and DB_DIRECT_PORT are the pooler's address"))
		}
	default:
		faults = append(faults, fmt.Errorf("DB_POOLER must be none, session or transaction, not %q", c.Pooler))
	}
	return errors.Join(faults...)
}

func isPort(port int) bool { return port >= 1 && port <= 65535 }

// pooled reports whether two statements may run in different server sessions.
func (c *Config) pooled() bool { return c.Pooler == PoolerTransaction }

// Direct returns the configuration of connections that bypass the pooler.
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

// dsn returns the configuration as a libpq keyword/value string, which supports
// several hosts.
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
