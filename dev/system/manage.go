package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	for _, folder := range []string{"data", "e2e", "chaos", "load", "reports", "upgrade", "test", "dapr", "keysets"} {
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

// Status prints for each part of the checkout's system whether it runs and is ready.
func Status(ctx context.Context, dir string, out io.Writer) error {
	s, err := open(Options{Dir: dir, Out: out})
	if err != nil {
		return err
	}
	if s.secrets, err = secrets.Load(s.checkout.Secrets()); err != nil {
		return err
	}
	if s.parts, err = find(s.records, s.Apps); err != nil {
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
	for _, role := range append([]Role{Postgres, Redis, RedisCache, Runner, Ingress}, s.appRoles()...) {
		s.console.Printf("  %-28s %s", role, s.describe(ctx, role))
	}
	return nil
}

// describe returns the state of a part in a few words.
func (s *System) describe(ctx context.Context, role Role) string {
	process, err := s.part(role)
	if err != nil {
		return "does not run"
	}
	if err := s.Ready(ctx, role); err != nil {
		return fmt.Sprintf("pid %d, not ready: %v", process.PID, err)
	}
	return fmt.Sprintf("pid %d, ready", process.PID)
}
