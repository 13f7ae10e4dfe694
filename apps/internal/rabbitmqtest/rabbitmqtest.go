// Package rabbitmqtest runs a RabbitMQ for one test, which may kill it. Only tests may import it.
package rabbitmqtest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/freeport"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

// scriptVariable is the environment variable with the path of a script that runs a broker:
// dev/internal/rabbitmq/start.sh.
const scriptVariable = "PHONEBILL_TEST_RABBITMQ"

// The user of each broker.
const (
	User     = "phonebill"
	Password = "test"
)

// Broker is a RabbitMQ whose queues and durable messages outlive it.
type Broker struct {
	t      testing.TB
	folder string
	port   int
	cmd    *exec.Cmd
	log    *os.File
}

// Start starts a broker until the test ends, and waits until it is ready.
func Start(t testing.TB) *Broker {
	t.Helper()
	if os.Getenv(scriptVariable) == "" {
		pgtest.SkipOrFail(t, scriptVariable)
	}
	b := &Broker{t: t, folder: t.TempDir(), port: freeport.Port(t)}
	if err := os.WriteFile(filepath.Join(b.folder, "password"), []byte(Password), 0o600); err != nil {
		t.Fatalf("rabbitmqtest: %v", err)
	}
	t.Cleanup(b.Kill)
	b.Restart()
	return b
}

// Address returns the broker's address, host:port.
func (b *Broker) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port)) }

// Kill kills the broker with all of its processes.
func (b *Broker) Kill() {
	if b.cmd == nil {
		return
	}
	_ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL) // fails if it has exited
	_ = b.cmd.Wait()
	_ = b.log.Close()
	b.cmd = nil
}

// Restart starts the broker again after Kill, and waits until it is ready.
func (b *Broker) Restart() {
	b.t.Helper()
	log, err := os.Create(filepath.Join(b.folder, "log"))
	if err != nil {
		b.t.Fatalf("rabbitmqtest: %v", err)
	}
	b.log = log
	b.cmd = exec.Command("/bin/sh", os.Getenv(scriptVariable), b.folder, strconv.Itoa(b.port),
		strconv.Itoa(freeport.Port(b.t)), strconv.Itoa(freeport.Port(b.t)))
	b.cmd.Stdout, b.cmd.Stderr = log, log
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := b.cmd.Start(); err != nil {
		b.t.Fatalf("rabbitmqtest: %v", err)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if strings.Contains(b.records(), "Server startup complete") {
			return
		}
		select {
		case <-b.t.Context().Done():
		case <-time.After(50 * time.Millisecond): // poll
		}
	}
	b.t.Fatalf("rabbitmqtest: not ready:\n%s", b.records())
}

// records returns the log since the last start.
func (b *Broker) records() string {
	content, err := os.ReadFile(b.log.Name())
	if err != nil {
		b.t.Fatalf("rabbitmqtest: %v", err)
	}
	return string(content)
}
