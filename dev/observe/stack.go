package observe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/lock"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
	"github.com/phonebill/phonebill/dev/system"
)

// Ports on the loopback address.
const (
	PagePort         = 8090
	PrometheusPort   = 9090
	AlertmanagerPort = 9093
	// CollectorPort receives OTLP over gRPC. The apps and sidecars of dapr.yaml export to it.
	CollectorPort       = 4317
	collectorHealthPort = 13133
)

// startTimeout bounds the start of all programs.
const startTimeout = time.Minute

// Stack is Prometheus, Alertmanager, the collector and the status page, all running.
type Stack struct {
	checkout checkout.Checkout
	console  *console.Console
	apps     []runfile.App
	watched  system.Options
	dir      string // data and logs
	lock     *lock.Lock
	records  proc.Records
	children []*proc.Child
	server   *http.Server
}

// Start starts the stack beside the system that is or will be started with these options. It installs
// or builds missing programs first. If it fails, nothing is left running.
func Start(ctx context.Context, watched system.Options) (*Stack, error) {
	root, err := checkout.Find(watched.Dir)
	if err != nil {
		return nil, err
	}
	file, err := runfile.Load(root.Path("dapr.yaml"))
	if err != nil {
		return nil, err
	}
	s := &Stack{
		checkout: root, console: console.New(watched.Out), apps: file.Apps, watched: watched, dir: root.Local("observe"),
		records: proc.Records{Dir: root.Local("run", "observe")},
	}
	if s.lock, err = lock.Acquire(root.Local("observe.lock"), root.Root); err != nil {
		return nil, fmt.Errorf("what watches the system runs already: %w", err)
	}
	if err := s.start(ctx); err != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		return nil, errors.Join(err, s.Stop(stopping))
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) error {
	if err := s.clearLeftovers(ctx); err != nil {
		return err
	}
	for port, use := range map[int]string{
		PagePort: "the status page", PrometheusPort: "Prometheus", AlertmanagerPort: "Alertmanager", CollectorPort: "the collector",
	} {
		if holder := proc.PortHolder(port); holder != "" {
			return fmt.Errorf("port %d, for %s, is held by %s", port, use, holder)
		}
	}
	programs, err := s.programs(ctx)
	if err != nil {
		return err
	}
	// Series and traces are those of one run: a system that starts anew has other processes.
	if err := os.RemoveAll(s.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	for _, server := range programs {
		if err := s.launch(server); err != nil {
			return err
		}
	}
	if err := s.servePage(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return s.await(ctx, programs)
}

// stopTimeout is how long programs may take to stop before they are killed.
const stopTimeout = 10 * time.Second

// Stop stops all programs in reverse order. It kills those that still run when ctx ends.
func (s *Stack) Stop(ctx context.Context) (err error) {
	if s.server != nil {
		err = s.server.Shutdown(ctx)
	}
	for _, child := range slices.Backward(s.children) {
		err = errors.Join(err, end(ctx, child.Process))
	}
	return errors.Join(err, os.RemoveAll(s.records.Dir), s.lock.Release())
}

// ClearLeftovers stops the programs that a killed run has left in the checkout that contains dir. It
// does nothing while a stack runs there.
func ClearLeftovers(ctx context.Context, dir string) error {
	root, err := checkout.Find(dir)
	if err != nil {
		return err
	}
	s := &Stack{records: proc.Records{Dir: root.Local("run", "observe")}}
	s.lock, err = lock.Acquire(root.Local("observe.lock"), root.Root)
	if _, running := errors.AsType[*lock.HeldError](err); running {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(s.clearLeftovers(ctx), os.RemoveAll(s.records.Dir), s.lock.Release())
}

// clearLeftovers stops the programs of a stack whose manager was killed.
func (s *Stack) clearLeftovers(ctx context.Context) error {
	left, err := s.records.All()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	for _, process := range left {
		err = errors.Join(err, end(ctx, process))
	}
	return err
}

// end stops a process, and kills it when ctx ends.
func end(ctx context.Context, process proc.Process) error {
	if err := process.Signal(syscall.SIGTERM); errors.Is(err, proc.ErrGone) {
		return nil
	}
	if process.WaitGone(ctx) == nil {
		return nil
	}
	if err := process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, proc.ErrGone) {
		return err
	}
	return process.WaitGone(context.WithoutCancel(ctx))
}

// Usage returns the resident memory of all programs, in bytes.
func (s *Stack) Usage() (memory int64, err error) {
	for _, child := range s.children {
		_, used, failed := child.Usage()
		memory, err = memory+used, errors.Join(err, failed)
	}
	return memory, err
}

// URL returns the address of the status page.
func (s *Stack) URL() string { return url(PagePort, "/") }

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func url(port int, path string) string { return "http://" + address(port) + path }
