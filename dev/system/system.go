package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/disk"
	"github.com/phonebill/phonebill/dev/internal/lock"
	"github.com/phonebill/phonebill/dev/internal/postgres"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
	"github.com/phonebill/phonebill/dev/internal/secrets"
	"github.com/phonebill/phonebill/dev/internal/toolchain"
)

// Options say which system to start.
type Options struct {
	// Dir is a folder of the checkout to run.
	Dir string
	// Data is the folder for databases and logs, relative to the checkout's
	// .local; "data" if empty.
	Data string
	// Fresh forgets what earlier systems have left in Data.
	Fresh bool
	// Env is added to the environment of the apps and sidecars. What dapr.yaml
	// says counts more.
	Env []string
	// Out takes the progress, for people.
	Out io.Writer
}

// System is a system that was started. Its methods may be called concurrently.
type System struct {
	checkout checkout.Checkout
	console  *console.Console
	data     string
	fresh    bool
	env      []string
	tokens   []string // as the environment has them
	lock     *lock.Lock
	// records are in one place for all systems of a checkout, whatever their
	// data: there is one at a time.
	records  proc.Records
	tools    toolchain.Toolchain
	programs programs
	secrets  secrets.Set
	// Apps are the apps of dapr.yaml.
	Apps []runfile.App

	mu       sync.Mutex
	parts    parts
	captured map[Role]proc.Spec // how to start an app or sidecar again
}

// programs are the paths of what is run.
type programs struct {
	toolchain.Servers

	dapr, daprd string
}

// Start starts the system and waits until all of it is ready. It refuses where
// one runs already, where ports or disk space are missing, and whatever is left
// of an earlier one of this checkout it stops first. If it fails, nothing of it
// is left running.
func Start(ctx context.Context, opts Options) (*System, error) {
	s, err := prepare(opts)
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err() // whatever failed, failed because of that
		}
		err = errors.Join(err, disk.Check(s.checkout.Local(), fullSpace)) // says why, if that is why
		// Nobody uses it yet: there is no need to wait long.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return nil, errors.Join(err, s.Stop(ctx))
	}
	return s, nil
}

// prepare takes the lock and looks at what there is, but starts nothing.
func prepare(opts Options) (*System, error) {
	s, err := open(opts)
	if err != nil {
		return nil, err
	}
	return s, s.acquire()
}

// lockPath is the same for every checkout and user of the machine.
func lockPath() string { return filepath.Join(os.TempDir(), "phonebill.lock") }

// RunningError says that a system runs on this machine already.
type RunningError struct{ Owner lock.Owner }

// Error names the checkout and the process that run the other system.
func (e *RunningError) Error() string {
	return fmt.Sprintf("PhoneBill already runs on this machine, from %s (pid %d), and its ports are fixed; stop it there with `make stop`",
		e.Owner.Root, e.Owner.PID)
}

// acquire takes this machine's right to run a system.
func (s *System) acquire() (err error) {
	s.lock, err = lock.Acquire(lockPath(), s.checkout.Root)
	if held := (*lock.HeldError)(nil); errors.As(err, &held) {
		return &RunningError{Owner: held.Owner}
	}
	return err
}

// open returns the system of a checkout, whether it runs or not.
func open(opts Options) (*System, error) {
	root, err := checkout.Find(opts.Dir)
	if err != nil {
		return nil, err
	}
	if err := ours(root); err != nil {
		return nil, err
	}
	file, err := runfile.Load(root.Path("dapr.yaml"))
	if err != nil {
		return nil, err
	}
	if opts.Data == "" {
		opts.Data = "data"
	}
	out := console.New(opts.Out)
	return &System{
		checkout: root,
		console:  out,
		data:     root.Local(opts.Data),
		fresh:    opts.Fresh,
		env:      opts.Env,
		tokens:   newTokens(),
		records:  proc.Records{Dir: root.Local("run")},
		tools:    toolchain.Toolchain{Checkout: root, Console: out},
		Apps:     file.Apps,
		parts:    make(parts),
		captured: make(map[Role]proc.Spec),
	}, nil
}

func (s *System) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		s.clearLeftovers,
		s.preflight,
		s.providePrograms,
		s.provideSecrets,
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

// Stop drains the system: requests that run are finished first. When the
// context ends, it kills what is left instead of waiting.
func (s *System) Stop(ctx context.Context) error {
	// What was started but not yet noted, because the start was interrupted,
	// is found by its record.
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

// release gives the lock back. What a killed manager of this checkout has left
// is gone by now.
func (s *System) release() error {
	if s.lock.Left.Root == s.checkout.Root {
		s.lock.Left = lock.Owner{}
	}
	return s.lock.Release()
}

// URL is the address of the ingress.
func (s *System) URL() string { return fmt.Sprintf("http://127.0.0.1:%d", IngressPort) }

// log returns where a part that we start ourselves writes to.
func (s *System) log(role Role) string { return filepath.Join(s.data, "logs", string(role)+".log") }

func (s *System) postgres() postgres.Server {
	return postgres.Server{Dir: filepath.Join(s.data, "postgres"), Log: s.log(Postgres), Port: PostgresPort, Durable: true}
}

// started notes a part, for us and for whoever has to clean up after us.
func (s *System) started(role Role, process proc.Process) error {
	s.mu.Lock()
	s.parts[role] = process
	s.mu.Unlock()
	return s.records.Save(string(role), process)
}

// Roles returns the parts that were started, dead or alive.
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

// makeDirs creates the folders that everything else expects. The logs of the
// last start are kept beside those of this one.
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
