// Package postgres runs a private PostgreSQL server with its own cluster on the loopback address.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/dev/internal/proc"
)

// Superuser is the role that owns the server.
const Superuser = "postgres"

// Server is a private server. Its methods may be called in any process of the checkout, because all
// state is in Dir.
type Server struct {
	Dir  string // for the cluster and the superuser's password
	Log  string
	Port int
	// Durable makes commits survive a crash of the machine. Tests do without.
	Durable bool
}

func (s Server) cluster() string      { return filepath.Join(s.Dir, "cluster") }
func (s Server) passwordFile() string { return filepath.Join(s.Dir, "superuser-password") }

// Start creates the cluster if necessary and starts the server. It does not wait until the server
// is ready; see Connect.
func (s Server) Start(ctx context.Context) (*proc.Child, error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	bin, err := s.programs(ctx)
	if err != nil {
		return nil, err
	}
	as, err := account()
	if err != nil {
		return nil, err
	}
	if !exists(s.cluster()) {
		if err := s.initialise(ctx, bin, as); err != nil {
			return nil, fmt.Errorf("create the database cluster: %w", err)
		}
	}
	if err := s.removeStaleLock(as); err != nil {
		return nil, err
	}
	return proc.Start(proc.Spec{
		Path: filepath.Join(bin, "postgres"),
		// The server looks for its other files beside its program.
		Args:        append([]string{filepath.Join(bin, "postgres"), "-D", s.cluster()}, s.options()...),
		Env:         environ(),
		Dir:         "/", // the user may have no access to the current folder
		Log:         s.Log,
		Credential:  as.credential,
		AmbientCaps: as.caps,
	})
}

// options are the server's settings. They are on the command line, so that existing clusters get
// changes too.
func (s Server) options() []string {
	settings := []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(s.Port),
		// No Unix socket, because its path is limited to 107 bytes.
		"unix_socket_directories=",
		"max_connections=200",
		"timezone=UTC",
		// Statements and error details contain personal data.
		"log_min_error_statement=panic",
		"log_error_verbosity=terse",
	}
	if !s.Durable {
		settings = append(settings, "fsync=off", "full_page_writes=off", "synchronous_commit=off")
	}
	args := make([]string, 0, 2*len(settings))
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

// URL returns the superuser's URL of a database. It contains the password.
func (s Server) URL(database string) (string, error) {
	password, err := os.ReadFile(s.passwordFile())
	if err != nil {
		return "", err
	}
	address := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(Superuser, string(password)),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)),
		Path:     database,
		RawQuery: "sslmode=disable",
	}
	return address.String(), nil
}

// Connect connects the superuser to a database. It fails while the server is not ready.
func (s Server) Connect(ctx context.Context, database string) (*pgx.Conn, error) {
	address, err := s.URL(database)
	if err != nil {
		return nil, err
	}
	return pgx.Connect(ctx, address)
}

// Ping reports whether the server accepts connections.
func (s Server) Ping(ctx context.Context) error {
	conn, err := s.Connect(ctx, "postgres")
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// removeStaleLock removes the lock file of a dead server whose process id now belongs to another
// process of the same user, which would prevent PostgreSQL from starting. PostgreSQL handles all
// other cases itself.
func (s Server) removeStaleLock(as runAs) error {
	file := filepath.Join(s.cluster(), "postmaster.pid")
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) || as.credential != nil {
		return nil
	}
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return fmt.Errorf("%s does not begin with a process id", file)
	}
	holder, err := proc.Get(pid)
	stranger := err == nil && !strings.Contains(holder.Command(), s.cluster())
	if stranger && !proc.AnyIn(s.cluster()) {
		return os.Remove(file)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// environ returns the environment of the server and its tools. Messages are English, because
// programs parse them.
func environ() []string {
	return []string{"LC_ALL=C.UTF-8", "PATH=" + os.Getenv("PATH")}
}
