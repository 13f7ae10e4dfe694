package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/phonebill/phonebill/dev/internal/lock"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/secrets"
)

// watchInterval is the polling interval of Watch.
const watchInterval = 500 * time.Millisecond

// Watch reports every part that ends, once, until the context ends. It restarts nothing.
func (s *System) Watch(ctx context.Context, ended func(role Role, lastWords string)) {
	reported := make(map[proc.Process]bool)
	for proc.Pause(ctx, watchInterval) == nil {
		for _, role := range s.Roles() {
			process, err := s.part(role)
			if err == nil && !reported[process] && !process.Alive() {
				reported[process] = true
				ended(role, s.lastWords(role))
			}
		}
	}
}

// StopRunning stops the running system of the checkout that contains dir: it asks the manager
// process to drain it, or drains it if the manager is dead. It returns nil if nothing runs, and
// does not touch the system of another checkout.
func StopRunning(ctx context.Context, dir string, out io.Writer) error {
	s, err := open(Options{Dir: dir, Out: out})
	if err != nil {
		return err
	}
	asked := false
	err = s.acquire()
	var running *RunningError
	if errors.As(err, &running) && running.Owner.Root == s.checkout.Root {
		asked = true
		err = s.askManager(ctx, running.Owner)
	}
	if err != nil {
		return err
	}
	left, err := find(s.records, s.Apps)
	switch {
	case err != nil:
		return errors.Join(err, s.lock.Release())
	case len(left) > 0:
		s.console.Printf("Stopping what was left behind: %s", left.describe())
	case asked:
		s.console.Printf("Stopped.")
	default:
		s.console.Printf("Nothing of PhoneBill runs from %s.", s.checkout.Root)
	}
	return s.Stop(ctx)
}

// askManager makes the manager stop its system, waits for that, and takes over its lock.
func (s *System) askManager(ctx context.Context, manager lock.Owner) error {
	if err := manager.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, proc.ErrGone) {
		return err
	}
	defer s.console.Wait("the manager stops its system", nil)()
	return proc.Poll(ctx, func() bool { return s.acquire() == nil })
}

// Clean removes everything that running the system has created, except programs: data, secrets and
// logs. It refuses while the system runs.
func Clean(ctx context.Context, dir string, out io.Writer) error {
	s, err := prepare(Options{Dir: dir, Out: out})
	if err != nil {
		return err
	}
	err = s.clearLeftovers(ctx)
	paths := []string{s.checkout.Secrets(), s.passwordFile(), s.records.Dir}
	for _, folder := range []string{"data", "swap", "session-store.db", "cache-store.db", "e2e", "chaos", "load", "reports", "upgrade", "test", "dapr", "keysets", "observe"} {
		paths = append(paths, s.checkout.Local(folder))
	}
	for _, app := range s.Apps {
		paths = append(paths, filepath.Join(app.Dir, ".dapr"))
	}
	if err == nil {
		err = s.remove(paths)
	}
	return errors.Join(err, s.release())
}

// remove removes the existing paths, and prints them.
func (s *System) remove(paths []string) error {
	var failed error
	var removed []string
	for _, path := range paths {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		removed = append(removed, s.checkout.Relative(path))
	}
	if len(removed) == 0 {
		s.console.Printf("There is nothing to remove.")
	} else {
		s.console.Printf("Removed %s.", strings.Join(removed, ", "))
	}
	return failed
}

// Seed adds generated users for load tests to the running system.
func Seed(ctx context.Context, dir string, users int, out io.Writer) error {
	s, err := open(Options{Dir: dir, Out: out})
	if err != nil {
		return err
	}
	return s.RunApp(ctx, "auth-service", "seed-demo", "--users", strconv.Itoa(users))
}

// LogLevel changes the log level of an app of the running system, to "debug" or "configured".
func LogLevel(ctx context.Context, dir string, app Role, level string, out io.Writer) error {
	s, err := open(Options{Dir: dir, Out: out})
	if err != nil {
		return err
	}
	if err := s.findParts(); err != nil {
		return err
	}
	pid, err := s.PID(app)
	if err != nil {
		return err
	}
	return s.RunApp(ctx, app, "log-level", level, strconv.Itoa(pid))
}

// Status prints for each part of the checkout's system whether it runs and is ready.
func Status(ctx context.Context, dir string, out io.Writer) error {
	s, err := open(Options{Dir: dir, Out: out})
	if err != nil {
		return err
	}
	if err := s.findParts(); err != nil {
		return err
	}
	manager := lock.Current(lockPath())
	switch {
	case manager.Root == s.checkout.Root:
		s.console.Printf("PhoneBill runs from %s (manager: pid %d).", manager.Root, manager.PID)
	case len(s.parts) > 0:
		s.console.Printf("The manager of PhoneBill in %s has died; `make stop` removes what it left behind:", s.checkout.Root)
	case manager.PID != 0:
		s.console.Printf("PhoneBill does not run from %s, but from %s (pid %d).", s.checkout.Root, manager.Root, manager.PID)
		return nil
	default:
		s.console.Printf("PhoneBill does not run. `make run` starts it.")
		return nil
	}
	for _, state := range s.states(ctx) {
		s.console.Printf("  %-28s %s", state.Role, state)
	}
	return nil
}

// State is the state of a part of the system.
type State struct {
	Role Role
	PID  int   // 0 if it does not run
	Err  error // why it is not ready, or nil
}

// String returns the state in a few words.
func (s State) String() string {
	switch {
	case s.PID == 0:
		return "does not run"
	case s.Err != nil:
		return fmt.Sprintf("pid %d, not ready: %v", s.PID, s.Err)
	}
	return fmt.Sprintf("pid %d, ready", s.PID)
}

// States returns the state of each part of the system that was started with opts, or none if nothing
// of it runs.
func States(ctx context.Context, opts Options) ([]State, error) {
	s, err := open(opts)
	if err != nil {
		return nil, err
	}
	if err := s.findParts(); err != nil || len(s.parts) == 0 {
		return nil, err
	}
	return s.states(ctx), nil
}

// findParts finds the parts that run, and the secrets with which they are probed.
func (s *System) findParts() (err error) {
	if err := s.readComponents(); err != nil {
		return err
	}
	if s.secrets, err = secrets.Load(s.checkout.Secrets()); err != nil {
		return err
	}
	s.parts, err = find(s.records, s.Apps)
	return err
}

// states probes all parts concurrently.
func (s *System) states(ctx context.Context) []State {
	roles := slices.Concat(s.servers(), []Role{Runner, Ingress}, s.appRoles())
	states := make([]State, len(roles))
	var group sync.WaitGroup
	for i, role := range roles {
		group.Go(func() {
			states[i] = State{Role: role}
			process, err := s.part(role)
			if err != nil {
				states[i].Err = errors.New("does not run")
				return
			}
			states[i].PID, states[i].Err = process.PID, s.Ready(ctx, role)
		})
	}
	group.Wait()
	return states
}
