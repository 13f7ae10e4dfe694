package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/disk"
	"github.com/phonebill/phonebill/dev/internal/lock"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
)

const (
	runSpace  = 1 << 30  // bytes that must be free to start
	fullSpace = 64 << 20 // free bytes below which a failure is blamed on the disk
)

// clearLeftovers stops what is left of an earlier system of this checkout whose manager was killed.
func (s *System) clearLeftovers(ctx context.Context) error {
	left, err := find(s.records, s.Apps)
	if err != nil {
		return err
	}
	if len(left) == 0 {
		return nil
	}
	s.console.Printf("Stopping what an earlier start left behind: %s", left.describe())
	left.drain(ctx, s.console)
	for role := range left {
		if err := s.records.Remove(string(role)); err != nil {
			return err
		}
	}
	return nil
}

// describe returns the parts with their process ids.
func (p parts) describe() string {
	words := make([]string, 0, len(p))
	for _, role := range p.sorted() {
		words = append(words, fmt.Sprintf("%s (pid %d)", role, p[role].PID))
	}
	return strings.Join(words, ", ")
}

// preflight checks the preconditions of a start.
func (s *System) preflight(context.Context) error {
	if err := disk.Check(s.checkout.Local(), runSpace); err != nil {
		return err
	}
	if err := s.checkPorts(); err != nil {
		return err
	}
	s.lock.Left = lock.Owner{} // its parts have been stopped
	if s.fresh {
		if err := os.RemoveAll(s.data); err != nil {
			return err
		}
	}
	return s.makeDirs()
}

// ours returns an error if another user owns .local, because its files are not accessible.
func ours(root checkout.Checkout) error {
	info, err := os.Stat(root.Local())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user (uid %d), who ran PhoneBill here before: run it as that user, or have them remove the folder",
			root.Local(), stat.Uid)
	}
	return nil
}

// serverPorts are the ports of the servers.
var serverPorts = map[Role]runfile.Port{
	Postgres:   {Number: PostgresPort, Use: "PostgreSQL"},
	Redis:      {Number: RedisPort, Use: "Redis"},
	RedisCache: {Number: CachePort, Use: "the Redis of the caches"},
	RabbitMQ:   {Number: RabbitMQPort, Use: "RabbitMQ"},
}

// ports returns all ports that the system listens on.
func (s *System) ports() []runfile.Port {
	all := []runfile.Port{{Number: IngressPort, Use: "the ingress"}}
	for _, role := range s.servers() {
		all = append(all, serverPorts[role])
	}
	for _, app := range s.Apps {
		all = append(all, app.Ports()...)
	}
	return all
}

// namedPorts is the maximum number of occupied ports to list.
const namedPorts = 4

// checkPorts returns an error with the occupied ports and their processes.
func (s *System) checkPorts() error {
	var taken []error
	for _, port := range s.ports() {
		if proc.PortFree(port.Number) {
			continue
		}
		holder := proc.PortHolder(port.Number)
		if holder == "" {
			holder = "an outgoing connection, which should not last"
		}
		taken = append(taken, fmt.Errorf("port %d, for %s, is taken by %s", port.Number, port.Use, holder))
	}
	if more := len(taken) - namedPorts; more > 0 {
		taken = append(taken[:namedPorts], fmt.Errorf("and %d more ports are taken", more))
	}
	if left := s.lock.Left.Root; len(taken) > 0 && left != "" && left != s.checkout.Root {
		taken = append(taken, fmt.Errorf("the system of %s was killed and may have left these processes: try `make stop` there", left))
	}
	return errors.Join(taken...)
}

// ClearLeftovers stops what is left of a system of the checkout that contains dir, if its manager
// is dead.
func ClearLeftovers(ctx context.Context, dir string, out io.Writer) error {
	s, err := prepare(Options{Dir: dir, Out: out})
	if running := (*RunningError)(nil); errors.As(err, &running) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(s.clearLeftovers(ctx), s.release())
}
