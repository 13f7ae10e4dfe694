package system

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/lock"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
)

// idle returns a system without started parts, in a temporary checkout with one app.
func idle(t *testing.T) *System {
	t.Helper()
	root := checkout.Checkout{Root: t.TempDir()}
	s := &System{
		checkout: root,
		console:  console.New(io.Discard),
		data:     root.Local("data"),
		records:  proc.Records{Dir: root.Local("run")},
		lock:     &lock.Lock{},
		Apps:     []runfile.App{{ID: "auth-service", Dir: root.Path("apps", "auth-service")}},
		parts:    make(parts),
		captured: make(map[Role]proc.Spec),
	}
	if err := s.makeDirs(); err != nil {
		t.Fatal(err)
	}
	return s
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(parsed.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestOccupiedPortsAreReported(t *testing.T) {
	t.Parallel()
	s := idle(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	port := listener.Addr().(*net.TCPAddr).Port
	s.Apps[0].Port = port
	s.lock.Left.Root = "/another/checkout"
	err = s.checkPorts()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		fmt.Sprintf("port %d, for auth-service, is taken by pid %d (", port, os.Getpid()),
		"the system of /another/checkout was killed",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}

func TestReadyReportsMissingDependencies(t *testing.T) {
	t.Parallel()
	s := idle(t)
	ready := make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-ready:
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"status":"DOWN","components":{"sidecar":{"status":"UP"},"database":{"status":"DOWN","reason":"no answer"}}}`)
		}
	}))
	t.Cleanup(app.Close)
	s.Apps[0].Port = portOf(t, app.URL)
	const role = Role("auth-service")
	s.parts[role] = bash(t, t.TempDir(), "exec sleep 60")

	if err := s.Ready(t.Context(), role); err == nil || err.Error() != "database: no answer" {
		t.Errorf("not ready because of %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.WaitReady(ctx, role); err == nil || !strings.Contains(err.Error(), string(role)) {
		t.Errorf("the wait ended with %v", err)
	}
	close(ready)
	if err := s.WaitReady(bounded(t), role); err != nil {
		t.Errorf("ready, but %v", err)
	}
	if err := s.Kill(role); err != nil {
		t.Fatal(err)
	}
	if err := s.WaitReady(bounded(t), role); err == nil || !strings.Contains(err.Error(), "auth-service has ended") {
		t.Errorf("dead, but %v", err)
	}
}

func TestKillPauseRestart(t *testing.T) {
	t.Parallel()
	s, dir := idle(t), t.TempDir()
	const role = Role("auth-service")
	process := bash(t, dir, "touch ready; while :; do sleep 0.02; done")
	awaitFile(t, filepath.Join(dir, "ready"))
	spec, err := process.Capture(s.log(role))
	if err != nil {
		t.Fatal(err)
	}
	s.parts[role], s.captured[role] = process, spec
	command := process.Command()

	if err := s.Pause(role); err != nil {
		t.Fatal(err)
	}
	await(t, "the pause", func() bool { return state(t, process) == "T" })
	if err := s.Resume(role); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of the pause", func() bool { return state(t, process) != "T" })

	if err := s.Kill(role); err != nil || process.Alive() {
		t.Fatalf("killed: %t, %v", !process.Alive(), err)
	}
	if err := s.Pause(role); !errors.Is(err, proc.ErrGone) {
		t.Errorf("pausing a dead part: %v", err)
	}
	if err := s.Restart(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	pid, err := s.PID(role)
	if err != nil || pid == process.PID {
		t.Fatalf("pid %d, %v", pid, err)
	}
	again, err := proc.Get(pid)
	if err != nil || again.Command() != command {
		t.Errorf("restarted as %s, %v", again, err)
	}
	if err := s.Restart(t.Context(), "unknown"); err == nil {
		t.Error("an unknown part was restarted")
	}
	if found, err := find(s.records, s.Apps); err != nil || found[role] != again {
		t.Errorf("records are %v, %v", found, err)
	}
	if err := s.Terminate(bounded(t), role); err != nil || again.Alive() {
		t.Errorf("terminated: %t, %v", !again.Alive(), err)
	}
}

// state returns the kernel's state of a process: T is stopped.
func state(t *testing.T, process proc.Process) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(process.PID), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))[0]
}

func TestWatchReportsAnEndOnce(t *testing.T) {
	t.Parallel()
	s := idle(t)
	s.parts[Redis] = bash(t, t.TempDir(), "exec sleep 60")
	s.parts[Postgres] = bash(t, t.TempDir(), "exec sleep 60")
	if err := os.WriteFile(s.log(Redis), []byte("first\nlast\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.parts[Redis].Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(bounded(t))
	reports := 0
	s.Watch(ctx, func(role Role, lastWords string) {
		reports++
		if role != Redis && role != Postgres || role == Redis && !strings.HasSuffix(lastWords, "    first\n    last") {
			t.Errorf("%s has ended%s", role, lastWords)
		}
		if role == Postgres {
			cancel() // a later poll would have reported Redis again
			return
		}
		if err := s.parts[Postgres].Signal(syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	})
	if reports != 2 {
		t.Errorf("%d reports of two deaths", reports)
	}
}

func TestLogsOfEarlierStartsAreRemoved(t *testing.T) {
	t.Parallel()
	s := idle(t)
	logs := filepath.Join(s.Apps[0].Dir, ".dapr", "logs")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range keptLogs + 2 {
		for _, kind := range []string{"app", "daprd"} {
			name := fmt.Sprintf("auth-service_%s_2026010112000%d.log", kind, i)
			if err := os.WriteFile(filepath.Join(logs, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := pruneLogs(s.Apps[0]); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"app", "daprd"} {
		if left := runnerLogs(s.Apps[0], kind); len(left) != keptLogs || !strings.HasSuffix(left[0], "2.log") {
			t.Errorf("left: %v", left)
		}
	}
	if got := s.Logs("auth-service"); len(got) != 1 || !strings.HasSuffix(got[0], "auth-service_app_20260101120006.log") {
		t.Errorf("the app's logs are %v", got)
	}
}

func TestBaseEnvIsFiltered(t *testing.T) {
	for _, name := range []string{"PGPASSFILE", "PGHOST", "DAPR_API_TOKEN", "APP_API_TOKEN", "DB_HOST"} {
		t.Setenv(name, "misleading")
	}
	t.Setenv("LOG_LEVEL", "debug")
	env := strings.Join(baseEnv(), "\n")
	if strings.Contains(env, "misleading") || !strings.Contains(env, "LOG_LEVEL=debug") {
		t.Errorf("they get:\n%s", env)
	}
}

// TestRunAppPrintsOutput runs a command of a fake app: its output is printed, and its error output
// is in the error.
func TestRunAppPrintsOutput(t *testing.T) {
	t.Parallel()
	s := idle(t)
	var said bytes.Buffer
	s.console = console.New(&said)
	script := "#!/bin/sh\necho \"users: $2\"\necho noise >&2\n[ \"$2\" = 7 ]\n"
	for _, dir := range []string{filepath.Dir(s.checkout.Bin("x")), s.Apps[0].Dir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(s.checkout.Bin("auth-service"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.RunApp(t.Context(), "auth-service", "seed-demo", "7"); err != nil || said.String() != "  users: 7\n" {
		t.Errorf("%v, output %q", err, said.String())
	}
	if err := s.RunApp(t.Context(), "auth-service", "seed-demo", "8"); err == nil || !strings.HasSuffix(err.Error(), "\nnoise") {
		t.Errorf("it failed with %v", err)
	}
}

func TestCleanReportsRemovedFiles(t *testing.T) {
	t.Parallel()
	s := idle(t)
	var said bytes.Buffer
	s.console = console.New(&said)
	there := s.checkout.Local("data")
	for range 2 {
		if err := s.remove([]string{there, s.checkout.Local("never")}); err != nil {
			t.Fatal(err)
		}
	}
	if want := "Removed .local/data.\nThere is nothing to remove.\n"; said.String() != want {
		t.Errorf("output is %q, want %q", said.String(), want)
	}
}
