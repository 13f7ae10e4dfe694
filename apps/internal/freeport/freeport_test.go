package freeport

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/expect"
)

const childVariable = "PHONEBILL_TEST_FREEPORT_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	// A process that takes a port and lives until its standard input ends.
	port, err := next()
	_, _ = fmt.Fprintln(os.Stdout, port, err)
	_, _ = os.Stdin.Read(make([]byte, 1))
}

func TestPortsAreFreeAndDifferent(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 50 {
		port := Port(t)
		if seen[port] || port >= 32768 {
			t.Errorf("port %d, returned before: %t", port, seen[port])
		}
		seen[port] = true
		// A process that starts at this moment has a copy of Port's listener until its program runs.
		expect.Eventually(t, "the port is free", func() bool {
			listener, err := listen(port)
			if err == nil {
				t.Cleanup(func() { _ = listener.Close() })
			}
			return err == nil
		})
	}
}

// TestProcessesHaveTheirOwnPorts although none of them listens at those that it has taken.
func TestProcessesHaveTheirOwnPorts(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{Port(t) / size: true}
	for range 10 {
		block := child(t) / size
		if seen[block] {
			t.Errorf("two processes have ports from %d", block*size)
		}
		seen[block] = true
	}
}

// child starts a process that takes a port and lives until the test ends. It returns the port.
func child(t *testing.T) (port int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	var failed string
	if _, err := fmt.Fscan(out, &port, &failed); err != nil || failed != "<nil>" {
		t.Fatal(failed, err)
	}
	return port
}
