package system

import (
	"context"
	"sync"
	"syscall"
	"time"

	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/proc"
)

// stage is a set of parts that are stopped at the same time.
type stage struct {
	has    func(Role) bool
	signal syscall.Signal // for a graceful stop
	wait   time.Duration  // before they are killed
}

func is(role Role) func(Role) bool { return func(r Role) bool { return r == role } }

// stages is the order of a stop, from the outside in, so that everything needed by a running
// request is available until it is finished. Apps and sidecars come before the Dapr CLI, which
// would kill them. The CLI itself is killed: it ignores signals while it starts an app, and has
// nothing to drain.
var stages = []stage{
	{is(Ingress), syscall.SIGQUIT, 20 * time.Second},
	{Role.isApp, syscall.SIGTERM, 20 * time.Second},
	{Role.isSidecar, syscall.SIGTERM, 15 * time.Second},
	{is(Runner), syscall.SIGKILL, 0},
	{is(Redis), syscall.SIGTERM, 15 * time.Second},
	{is(RedisCache), syscall.SIGTERM, 15 * time.Second},
	{is(RabbitMQ), syscall.SIGTERM, 30 * time.Second},
	{is(Postgres), syscall.SIGINT, 30 * time.Second},
}

// drain stops the parts in order. When the context ends, it kills what is left.
func (p parts) drain(ctx context.Context, out *console.Console) {
	for _, stage := range stages {
		var group sync.WaitGroup
		for role, process := range p {
			if stage.has(role) {
				group.Go(func() { stage.end(ctx, out, role, process) })
			}
		}
		group.Wait()
	}
}

// end stops a part by its signal, and kills it after a timeout.
func (s stage) end(ctx context.Context, out *console.Console, role Role, process proc.Process) {
	defer out.Wait("stopping "+string(role), nil)()
	if s.signal == syscall.SIGKILL {
		kill(process)
		return
	}
	for _, member := range leaders(process) {
		_ = member.Signal(s.signal) // ErrGone is fine
		_ = member.Signal(syscall.SIGCONT)
	}
	bounded, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	if proc.Poll(bounded, func() bool { return len(process.Family()) == 0 }) == nil {
		return
	}
	out.Printf("%s did not stop in time and is killed", role)
	kill(process)
}

// leaders returns the processes to signal: the first one, which signals its children, or these if
// it is dead.
func leaders(process proc.Process) []proc.Process {
	family := process.Family()
	if len(family) > 0 && family[0] == process {
		return family[:1]
	}
	return family
}

// kill kills a part and waits until it is gone. The first process is killed first, because it may
// restart dead children.
func kill(process proc.Process) {
	family := process.Family()
	for len(family) > 0 {
		for _, member := range family {
			_ = member.Signal(syscall.SIGKILL) // ErrGone is fine
		}
		for _, member := range family {
			_ = member.WaitGone(context.Background()) // ends after SIGKILL
		}
		family = process.Family()
	}
}
