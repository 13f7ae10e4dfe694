package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/internal/freeport"
)

// binVariable is the environment variable with the folder of PostgreSQL's programs.
const binVariable = "PHONEBILL_TEST_POSTGRES_BIN"

// Server is a PostgreSQL server that belongs to one test, which may kill or promote
// it. Its superuser postgres needs no password on the loopback address.
type Server struct {
	Port int

	dir string
	cmd *exec.Cmd
}

// NewPair starts a primary and its standby. Replication is synchronous: the standby
// has every transaction that the primary has confirmed.
func NewPair(t testing.TB) (primary, standby *Server) {
	t.Helper()
	primary, standby = newServer(t), newServer(t)
	primary.tool(t, "initdb", "--pgdata="+primary.dir, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	primary.Start(t)
	standby.tool(t, "pg_basebackup", "--pgdata="+standby.dir, "--dbname="+primary.URL("postgres"), "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	standby.Start(t)
	primary.Exec(t, "ALTER SYSTEM SET synchronous_standby_names = '*'")
	primary.Exec(t, "SELECT pg_reload_conf()")
	return primary, standby
}

func newServer(t testing.TB) *Server {
	t.Helper()
	if os.Getenv(binVariable) == "" {
		SkipOrFail(t, binVariable)
	}
	s := &Server{Port: freeport.Port(t), dir: filepath.Join(home(t), "data")}
	t.Cleanup(func() { s.Kill(t) })
	return s
}

// home returns a folder that the server's user owns. It is removed when the test ends.
func home(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgtest") //nolint:usetesting // the server's user cannot read the parent of t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if as := owner(t); as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// owner returns the user that runs servers, or nil for the current one. PostgreSQL
// does not run as root.
func owner(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	account, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.ParseUint(account.Uid, 10, 32) // digits on Unix
	gid, _ := strconv.ParseUint(account.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (s *Server) command(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(filepath.Join(os.Getenv(binVariable), name), args...)
	cmd.Dir, cmd.Env = "/", []string{"LC_ALL=C.UTF-8", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner(t), Pdeathsig: syscall.SIGQUIT}
	return cmd
}

func (s *Server) tool(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := s.command(t, name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// Start starts the server and waits until it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	s.cmd = s.command(t, "postgres", "-D", s.dir, "-p", strconv.Itoa(s.Port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "wal_receiver_status_interval=1")
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.await(t, "ready", "SELECT true")
}

// Kill stops the server at once (immediate shutdown).
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGQUIT) // fails if the server has exited
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Promote promotes a standby and waits until it accepts writes.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	s.Exec(t, "SELECT pg_promote(wait => false)")
	s.await(t, "promoted", "SELECT NOT pg_is_in_recovery()")
	s.Exec(t, "ALTER SYSTEM SET synchronous_standby_names = ''") // it has no standby
	s.Exec(t, "SELECT pg_reload_conf()")
}

// SetReadOnly sets whether the server rejects writes, as during a switchover.
func (s *Server) SetReadOnly(t testing.TB, only bool) {
	t.Helper()
	// ALTER SYSTEM fails in a read-only session.
	s.Exec(t, "SET default_transaction_read_only = off", "ALTER SYSTEM SET default_transaction_read_only = "+strconv.FormatBool(only), "SELECT pg_reload_conf()")
	s.await(t, "reconfigured", "SELECT current_setting('default_transaction_read_only')::boolean = "+strconv.FormatBool(only))
}

// Exec executes statements as superuser in one session.
func (s *Server) Exec(t testing.TB, statements ...string) {
	t.Helper()
	if err := s.session("postgres", func(ctx context.Context, conn *pgx.Conn) error {
		for _, sql := range statements {
			if _, err := conn.Exec(ctx, sql); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) session(database string, do func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL(database))
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, conn), conn.Close(ctx))
}

// await waits until query returns true.
func (s *Server) await(t testing.TB, state, query string) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		var ok bool
		err = s.session("postgres", func(ctx context.Context, conn *pgx.Conn) error {
			return conn.QueryRow(ctx, query).Scan(&ok)
		})
		if err == nil && ok {
			return
		}
		select {
		case <-t.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("server on port %d: not %s in time: %v", s.Port, state, err)
}

// URL returns the URL of a database as superuser.
func (s *Server) URL(database string) string {
	return "postgres://postgres@" + s.Address() + "/" + database + "?sslmode=disable"
}

// Address returns the server's address, host:port.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// Addresses returns the value of DB_HOST for several servers.
func Addresses(servers ...*Server) string {
	all := make([]string, len(servers))
	for i, s := range servers {
		all[i] = s.Address()
	}
	return strings.Join(all, ",")
}
