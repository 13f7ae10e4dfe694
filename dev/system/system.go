package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/components"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/disk"
	"github.com/phonebill/phonebill/dev/internal/lock"
	"github.com/phonebill/phonebill/dev/internal/postgres"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
	"github.com/phonebill/phonebill/dev/internal/secrets"
	"github.com/phonebill/phonebill/dev/internal/toolchain"
)

// Options configure a system.
type Options struct {
	// Dir is a folder of the checkout to run.
	Dir string
	// Data is the folder for databases and logs, relative to .local; "data" if empty.
	Data string
	// Fresh removes existing files in Data.
	Fresh bool
	// Env is added to the environment of the apps, their commands and the sidecars. dapr.yaml takes
	// precedence.
	Env []string
	// Components are names or paths of folders that replace components of components/local; those of
	// ComponentsVariable if nil.
	Components []string
	// Out is the destination of progress messages.
	Out io.Writer
}

// System is a running system. Its methods may be called concurrently.
type System struct {
	checkout checkout.Checkout
	console  *console.Console
	data     string
	fresh    bool
	env      []string
	tokens   []string // as environment variables
	lock     *lock.Lock
	// records are shared by all systems of a checkout, whatever their data, because there is one at
	// a time.
	records  proc.Records
	tools    toolchain.Toolchain
	programs programs
	secrets  secrets.Set
	// Apps are the apps of dapr.yaml.
	Apps       []runfile.App
	folders    []string // of components, see Options
	components []components.Resource

	mu       sync.Mutex
	parts    parts
	captured map[Role]proc.Spec // how to restart apps and sidecars
	replicas []runfile.App      // second replicas; see AddReplica
}

// programs are the paths of the programs.
type programs struct {
	toolchain.Servers

	dapr, daprd string
}

// Start starts the system and waits until it is ready. It returns an error if a system is running,
// or if ports or disk space are missing. It first stops what an earlier system of this checkout has
// left. If it fails, nothing is left running.
func Start(ctx context.Context, opts Options) (*System, error) {
	s, err := prepare(opts)
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err() // everything failed because of that
		}
		err = errors.Join(err, disk.Check(s.checkout.Local(), fullSpace)) // adds a full disk as the reason
		// Nothing uses it yet, so a short timeout suffices.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return nil, errors.Join(err, s.Stop(ctx))
	}
	return s, nil
}

// prepare acquires the lock and finds existing parts, but starts nothing.
func prepare(opts Options) (*System, error) {
	s, err := open(opts)
	if err != nil {
		return nil, err
	}
	return s, s.acquire()
}

// lockPath is the same for all checkouts and users of the machine.
func lockPath() string { return filepath.Join(os.TempDir(), "phonebill.lock") }

// RunningError is returned if a system is running on this machine.
type RunningError struct{ Owner lock.Owner }

// Error names the checkout and the process of the other system.
func (e *RunningError) Error() string {
	return fmt.Sprintf("PhoneBill already runs on this machine, from %s (pid %d), and its ports are fixed; stop it there with `make stop`",
		e.Owner.Root, e.Owner.PID)
}

// acquire acquires this machine's lock.
func (s *System) acquire() (err error) {
	s.lock, err = lock.Acquire(lockPath(), s.checkout.Root)
	if held := (*lock.HeldError)(nil); errors.As(err, &held) {
		return &RunningError{Owner: held.Owner}
	}
	return err
}

// open returns the system of a checkout, running or not.
func open(opts Options) (*System, error) {
	root, err := checkout.Find(opts.Dir)
	if err != nil {
		return nil, err
	}
	if err := ours(root); err != nil {
		return nil, err
	}
	if opts.Data == "" {
		opts.Data = "data"
	}
	if opts.Components == nil {
		opts.Components = strings.Fields(os.Getenv(ComponentsVariable))
	}
	out := console.New(opts.Out)
	s := &System{
		checkout: root,
		console:  out,
		data:     root.Local(opts.Data),
		fresh:    opts.Fresh,
		env:      opts.Env,
		tokens:   newTokens(),
		records:  proc.Records{Dir: root.Local("run")},
		tools:    toolchain.Toolchain{Checkout: root, Console: out},
		folders:  opts.Components,
		parts:    make(parts),
		captured: make(map[Role]proc.Spec),
	}
	file, err := runfile.Load(s.runFile())
	s.Apps = file.Apps
	return s, err
}

func (s *System) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		s.clearLeftovers,
		s.swapComponents,
		s.preflight,
		s.provideSecrets,
		s.providePrograms,
		s.startServers,
		s.prepareDatabases,
		s.startApps,
		s.startIngress,
		s.captureApps,
	} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stop drains the system: running requests are finished first. When the context ends, it kills what
// is left.
func (s *System) Stop(ctx context.Context) error {
	// Processes that were started but not recorded in memory, because the start was interrupted,
	// are found by their record files.
	found, err := find(s.records, s.Apps)
	if err != nil {
		found = make(parts)
	}
	s.mu.Lock()
	for role, process := range s.parts {
		if found[role].PID == 0 {
			found[role] = process
		}
	}
	s.mu.Unlock()
	found.drain(ctx, s.console)
	for role := range found {
		err = errors.Join(err, s.records.Remove(string(role)))
	}
	return errors.Join(err, s.release())
}

// release releases the lock. What a killed manager of this checkout has left has been stopped by
// now.
func (s *System) release() error {
	if s.lock.Left.Root == s.checkout.Root {
		s.lock.Left = lock.Owner{}
	}
	return s.lock.Release()
}

// URL returns the address of the ingress.
func (s *System) URL() string { return fmt.Sprintf("http://127.0.0.1:%d", IngressPort) }

// log returns the log file of a part started by this package.
func (s *System) log(role Role) string { return filepath.Join(s.data, "logs", string(role)+".log") }

func (s *System) postgres() postgres.Server {
	return postgres.Server{Dir: filepath.Join(s.data, "postgres"), Log: s.log(Postgres), Port: PostgresPort, Durable: true}
}

// started records a part, in memory and for a later cleanup.
func (s *System) started(role Role, process proc.Process) error {
	s.mu.Lock()
	s.parts[role] = process
	s.mu.Unlock()
	return s.records.Save(string(role), process)
}

// Roles returns the started parts, dead or alive.
func (s *System) Roles() []Role {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parts.sorted()
}

func (s *System) part(role Role) (proc.Process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	process, ok := s.parts[role]
	if !ok {
		return proc.Process{}, fmt.Errorf("the system has no part %q", role)
	}
	return process, nil
}

// makeDirs creates all required folders. It keeps the logs of the previous start.
func (s *System) makeDirs() error {
	logs := filepath.Join(s.data, "logs")
	if err := os.RemoveAll(logs + ".previous"); err != nil {
		return err
	}
	if err := os.Rename(logs, logs+".previous"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, dir := range []string{s.checkout.Local("bin"), s.checkout.Local("keysets"), logs} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	return nil
}
