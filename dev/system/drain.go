package system

import (
	"context"
	"sync"
	"syscall"
	"time"

	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/proc"
)

// stage is a set of parts that stop at the same time.
type stage struct {
	has    func(Role) bool
	signal syscall.Signal // that makes them finish their work and end
	wait   time.Duration  // before they are killed
}

func is(role Role) func(Role) bool { return func(r Role) bool { return r == role } }

// stages is the order in which a system stops: from the outside in, so that
// whatever is still needed to finish a request is there until it is finished.
// The Dapr CLI only ever kills apps and sidecars, so these go before it. It is
// killed itself: while it starts an app it does not listen, and it has nothing
// to finish.
var stages = []stage{
	{is(Ingress), syscall.SIGQUIT, 20 * time.Second},
	{Role.isApp, syscall.SIGTERM, 20 * time.Second},
	{Role.isSidecar, syscall.SIGTERM, 15 * time.Second},
	{is(Runner), syscall.SIGKILL, 0},
	{is(Redis), syscall.SIGTERM, 15 * time.Second},
	{is(RedisCache), syscall.SIGTERM, 15 * time.Second},
	{is(Postgres), syscall.SIGINT, 30 * time.Second},
}

// drain stops the parts in order. When the context ends it stops waiting for
// them to finish their work and kills what is left.
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

// end stops one part: by its signal, and if that takes too long by killing it.
func (s stage) end(ctx context.Context, out *console.Console, role Role, process proc.Process) {
	defer out.Wait("stopping "+string(role), nil)()
	if s.signal == syscall.SIGKILL {
		kill(process)
		return
	}
	for _, member := range leaders(process) {
		_ = member.Signal(s.signal) // gone is as good
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

// leaders returns who is to be told to stop: the first process, which tells its
// children, or these if it is dead.
func leaders(process proc.Process) []proc.Process {
	family := process.Family()
	if len(family) > 0 && family[0] == process {
		return family[:1]
	}
	return family
}

// kill ends a part at once and waits until it is gone. The first process goes
// first, because it may replace its dead children.
func kill(process proc.Process) {
	family := process.Family()
	for len(family) > 0 {
		for _, member := range family {
			_ = member.Signal(syscall.SIGKILL) // gone is as good
		}
		for _, member := range family {
			_ = member.WaitGone(context.Background()) // the kernel takes its time, but not for ever
		}
		family = process.Family()
	}
}
