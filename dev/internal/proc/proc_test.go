package proc_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/proc"
)

// sh runs a shell script as a child process that ends with the test.
func sh(t *testing.T, script string) *proc.Child {
	t.Helper()
	path, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	child, err := proc.Start(proc.Spec{
		Path: path, Args: []string{"sh", "-c", script}, Dir: t.TempDir(),
		Env: []string{"PATH=" + os.Getenv("PATH"), "WHO=test"}, Log: filepath.Join(t.TempDir(), "log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, member := range child.Family() {
			_ = member.Signal(syscall.SIGKILL) // ErrGone is fine
		}
		<-child.Done()
	})
	return child
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// awaitFamily waits until the process and its descendants are n processes.
func awaitFamily(t *testing.T, process proc.Process, n int) []proc.Process {
	t.Helper()
	var family []proc.Process
	err := proc.Poll(bounded(t), func() bool {
		family = process.Family()
		return len(family) == n
	})
	if err != nil {
		t.Fatalf("the family has %d members, want %d: %v", len(family), n, family)
	}
	return family
}

func TestSignalDoesNotReachReusedIDs(t *testing.T) {
	t.Parallel()
	child := sh(t, "exec sleep 60")
	another := proc.Process{PID: child.PID, Start: child.Start - 1}
	if another.Alive() {
		t.Error("a process that started at another time is taken for this one")
	}
	if err := another.Signal(syscall.SIGKILL); !errors.Is(err, proc.ErrGone) {
		t.Errorf("signal to an earlier process of the id: %v", err)
	}
	if !child.Alive() {
		t.Fatal("the signal reached the wrong process")
	}
	if err := child.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-child.Done()
	if child.Alive() {
		t.Error("alive after its death")
	}
	if err := child.Signal(syscall.SIGTERM); !errors.Is(err, proc.ErrGone) {
		t.Errorf("signal to the dead: %v", err)
	}
}

func TestFamilyOutlivesItsLeader(t *testing.T) {
	t.Parallel()
	child := sh(t, "sleep 60 & setsid sleep 61 & exec sleep 62")
	family := awaitFamily(t, child.Process, 3)
	if family[0] != child.Process {
		t.Errorf("the leader does not come first: %v", family)
	}
	var stray proc.Process // the process that left the group, once it runs its own program
	err := proc.Poll(bounded(t), func() bool {
		for _, member := range child.Family() {
			if member.Command() == "sleep 61" {
				stray = member
			}
		}
		return stray.PID != 0
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	rest := awaitFamily(t, child.Process, 1)
	if rest[0] == stray {
		t.Errorf("left of the group: %v", rest)
	}
	if err := stray.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}

func TestCaptureReturnsSpec(t *testing.T) {
	t.Parallel()
	child := sh(t, "while [ ! -e stop ]; do sleep 0.02; done; exit 3")
	awaitFamily(t, child.Process, 2) // wait until it runs: during exec, a process has no environment
	spec, err := child.Capture("the log")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(spec.Args, " "), child.Command(); got != want || !strings.HasPrefix(got, "sh -c while") {
		t.Errorf("arguments %q, want %q", got, want)
	}
	if diff := cmp.Diff([]string{"PATH=" + os.Getenv("PATH"), "WHO=test"}, spec.Env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if spec.Log != "the log" || !filepath.IsAbs(spec.Path) || !filepath.IsAbs(spec.Dir) {
		t.Errorf("captured %+v", spec)
	}
	if err := os.WriteFile(filepath.Join(spec.Dir, "stop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-child.Done()
	if exit := (*exec.ExitError)(nil); !errors.As(child.Err(), &exit) || exit.ExitCode() != 3 {
		t.Errorf("ended with %v", child.Err())
	}
	if _, err := child.Capture("log"); err == nil {
		t.Error("a dead process was captured")
	}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	records := proc.Records{Dir: filepath.Join(t.TempDir(), "run")}
	if all, err := records.All(); err != nil || len(all) != 0 {
		t.Fatalf("before the first: %v, %v", all, err)
	}
	want := map[string]proc.Process{"one": {PID: 1, Start: 10}, "two": {PID: 2, Start: 20}}
	for name, process := range want {
		if err := records.Save(name, process); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{
		"broken.json":       "{",
		"earlier-boot.json": `{"pid":3,"start":30,"boot":"another"}`,
		"unrelated":         "x",
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(records.Dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
	got, err := records.All()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := errors.Join(records.Remove("one"), records.Remove("one")); err != nil {
		t.Errorf("remove twice: %v", err)
	}
	if got, err := records.All(); err != nil || len(got) != 1 {
		t.Errorf("after the removal: %v, %v", got, err)
	}
}

func TestPorts(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if proc.PortFree(port) {
		t.Error("an occupied port is reported free")
	}
	us := "pid " + strconv.Itoa(os.Getpid()) + " ("
	if holder := proc.PortHolder(port); !strings.Contains(holder, us) {
		t.Errorf("the holder is %q, and not us, %s", holder, us)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	// Another process may have the port by now.
	if holder := proc.PortHolder(port); strings.Contains(holder, us) {
		t.Errorf("after closing, the holder is %q", holder)
	}
	const nobodys = 1 // tcpmux, which is not used
	if holder := proc.PortHolder(nobodys); holder != "" {
		t.Errorf("the holder of an unused port is %q", holder)
	}
}

func TestPollEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	looks := 0
	err := proc.Poll(ctx, func() bool {
		if looks++; looks == 3 {
			cancel()
		}
		return false
	})
	if !errors.Is(err, context.Canceled) || looks != 3 {
		t.Errorf("%v after %d looks", err, looks)
	}
}

func TestUsageContainsEndedChildren(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", `bash -c 'for ((i = 0; i < 200000; i++)); do :; done'; echo; read -r`)
	in, err := cmd.StdinPipe() // never written to
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil { // the child has ended
		t.Fatal(err)
	}
	process, err := proc.Get(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	cpu, memory, err := process.Usage()
	if err != nil || cpu < 50*time.Millisecond || memory < 100<<10 {
		t.Errorf("CPU %s, memory %d, %v", cpu, memory, err)
	}
	if _, _, err := (proc.Process{PID: process.PID, Start: process.Start + 1}).Usage(); !errors.Is(err, proc.ErrGone) {
		t.Errorf("another process with the same id: %v", err)
	}
}
