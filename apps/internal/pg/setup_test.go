package pg_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errUnavailable = errors.New("secret store unavailable")

// secretsFunc is a secret store without a cache.
type secretsFunc func(name string) (string, error)

func (f secretsFunc) Secret(_ context.Context, name string) (string, error) { return f(name) }

// Reread implements sidecar.Secrets.
func (f secretsFunc) Reread(_ context.Context, name string) (string, error) { return f(name) }

// passwordOf returns a secret store with a database's password.
func passwordOf(database *pgtest.Database) secretsFunc {
	return func(name string) (string, error) {
		if name != database.Config.PasswordSecret {
			return "", errors.New("no such secret: " + name)
		}
		return database.Password, nil
	}
}

var tables = fstest.MapFS{"001_customer.sql": {Data: []byte(`
CREATE TABLE customer (id integer CONSTRAINT customer_pk PRIMARY KEY, line text CONSTRAINT line_taken UNIQUE);
CREATE TABLE note (text text);
---- create above / drop below ----
DROP TABLE note;
DROP TABLE customer;
`)}}

func open(t *testing.T, cfg pg.Config, secrets secretsFunc) *pgxpool.Pool {
	t.Helper()
	pool, err := pg.Open(cfg, secrets)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func exec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func query[T any](t *testing.T, pool *pgxpool.Pool, sql string, args ...any) T {
	t.Helper()
	var value T
	if err := pool.QueryRow(t.Context(), sql, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// network is a TCP proxy between a pool and its server that can fail.
type network struct {
	listener net.Listener
	server   string
	group    sync.WaitGroup

	mu    sync.Mutex
	hung  bool
	conns []net.Conn
}

// between returns a network to the server of cfg, and cfg with its address.
func between(t *testing.T, cfg pg.Config) (*network, pg.Config) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{listener: listener, server: net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port))}
	n.group.Go(n.serve)
	t.Cleanup(func() {
		_ = listener.Close()
		n.cut()
		n.group.Wait()
	})
	addr := listener.Addr().(*net.TCPAddr)
	cfg.Host, cfg.Port = addr.IP.String(), addr.Port
	return n, cfg
}

func (n *network) serve() {
	for {
		client, err := n.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", n.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		n.mu.Lock()
		n.conns = append(n.conns, client, server)
		n.mu.Unlock()
		n.group.Go(func() { n.copy(client, server) })
		n.group.Go(func() { n.copy(server, client) })
	}
}

func (n *network) copy(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 4<<10)
	for {
		size, err := from.Read(buffer)
		if err != nil {
			return
		}
		n.mu.Lock()
		lost := n.hung
		n.mu.Unlock()
		if lost {
			continue
		}
		if _, err := to.Write(buffer[:size]); err != nil {
			return
		}
	}
}

// cut closes all connections.
func (n *network) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, conn := range n.conns {
		_ = conn.Close()
	}
	n.conns = nil
}

// hang sets whether all data is dropped.
func (n *network) hang(hung bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hung = hung
}
