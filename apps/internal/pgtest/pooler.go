package pgtest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/freeport"
	"github.com/phonebill/phonebill/apps/internal/pg"
)

// poolerVariable is the environment variable with the path of pgbouncer.
const poolerVariable = "PHONEBILL_TEST_PGBOUNCER"

// Pooled starts a pgbouncer in transaction mode for the test and returns the
// configuration of database behind it. Its round robin changes the server session
// with every transaction.
func Pooled(t testing.TB, database *Database) pg.Config {
	t.Helper()
	binary := os.Getenv(poolerVariable)
	if binary == "" {
		SkipOrFail(t, poolerVariable)
	}
	port, dir := freeport.Port(t), home(t)
	direct := database.Config
	write(t, filepath.Join(dir, "users"), fmt.Sprintf("%q %q\n", direct.User, database.Password))
	file := filepath.Join(dir, "pgbouncer.ini")
	write(t, file, fmt.Sprintf(`[databases]
* = host=%s port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = transaction
default_pool_size = 10
server_reset_query_always = 0
server_round_robin = 1
max_client_conn = 200
logfile = %s
`, direct.Host, direct.Port, port, filepath.Join(dir, "users"), filepath.Join(dir, "log")))
	cmd := exec.Command(binary, "--quiet", file)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner(t), Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Signal(syscall.SIGKILL), cmd.Wait() })
	awaitPort(t, port)

	cfg := direct
	cfg.Host, cfg.Port, cfg.Pooler = "127.0.0.1", port, pg.PoolerTransaction
	cfg.DirectHost, cfg.DirectPort = direct.Host, direct.Port
	return cfg
}

func write(t testing.TB, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if as := owner(t); as != nil {
		if err := os.Chown(file, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}

func awaitPort(t testing.TB, port int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-t.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("port %d does not accept connections", port)
}
