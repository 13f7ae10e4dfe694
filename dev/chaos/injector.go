package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/system"
)

// reviveTimeout bounds the wait for a restarted part and everything that it needs, which may have
// been disrupted as well.
const reviveTimeout = 90 * time.Second

// injector disrupts the system and restores it.
type injector struct {
	system *system.System
	// say prints progress.
	say func(format string, args ...any)

	busy map[system.Role]*sync.Mutex // held while a part is disrupted or restarted

	mu      sync.Mutex
	kills   int
	pauses  int
	crashed []system.Role // parts that ended by themselves, each time
}

func newInjector(s *system.System, say func(string, ...any)) *injector {
	busy := map[system.Role]*sync.Mutex{}
	for _, role := range s.Roles() {
		busy[role] = &sync.Mutex{}
	}
	return &injector{system: s, say: say, busy: busy}
}

// run performs all disruptions and returns when everything is ready again. done is the number of
// changes that were accepted or refused.
func (s *injector) run(ctx context.Context, disruptions []Disruption, done *atomic.Int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	for _, disrupt := range disruptions {
		reached := proc.Poll(ctx, func() bool { return done.Load() >= int64(disrupt.After) })
		if err := errors.Join(reached, proc.Pause(ctx, disrupt.Delay)); err != nil {
			break
		}
		group.Go(func() {
			if err := s.disrupt(ctx, disrupt); err != nil {
				cancel(err)
			}
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, reviveTimeout)
	defer stop()
	return s.awaitReady(ctx)
}

// disrupt performs one disruption of a running part, and waits until the part is ready again.
func (s *injector) disrupt(ctx context.Context, disrupt Disruption) error {
	s.busy[disrupt.Role].Lock()
	defer s.busy[disrupt.Role].Unlock()
	if disrupt.Pause {
		return s.pause(ctx, disrupt)
	}
	s.say("kill %s, for %s", disrupt.Role, disrupt.For.Round(time.Millisecond))
	if err := s.system.Kill(disrupt.Role); err != nil {
		return err
	}
	s.mu.Lock()
	s.kills++
	s.mu.Unlock()
	if err := proc.Pause(ctx, disrupt.For); err != nil {
		return err
	}
	return s.revive(ctx, disrupt.Role)
}

func (s *injector) pause(ctx context.Context, disrupt Disruption) error {
	s.say("pause %s, for %s", disrupt.Role, disrupt.For.Round(time.Millisecond))
	err := s.system.Pause(disrupt.Role)
	if errors.Is(err, proc.ErrGone) { // it has just ended
		return s.revive(ctx, disrupt.Role)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.pauses++
	s.mu.Unlock()
	_ = proc.Pause(ctx, disrupt.For) // the part is resumed in any case
	return s.system.Resume(disrupt.Role)
}

// revive starts a part until it keeps running. A sidecar without Redis exits again and is
// restarted, as any process supervisor would do.
func (s *injector) revive(ctx context.Context, role system.Role) error {
	ctx, cancel := context.WithTimeout(ctx, reviveTimeout)
	defer cancel()
	for {
		if err := s.system.Restart(ctx, role); err != nil {
			return fmt.Errorf("restart %s: %w", role, err)
		}
		err := s.system.WaitReady(ctx, role)
		if err == nil || ctx.Err() != nil {
			return err
		}
		_ = proc.Pause(ctx, minWait)
	}
}

// supervise restarts parts that end by themselves, until ctx ends.
func (s *injector) supervise(ctx context.Context) error {
	for proc.Pause(ctx, time.Second) == nil {
		for role, busy := range s.busy {
			if !busy.TryLock() {
				continue
			}
			err := s.restartIfEnded(ctx, role)
			busy.Unlock()
			if err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
	return nil
}

// restartIfEnded restarts a part that has ended.
func (s *injector) restartIfEnded(ctx context.Context, role system.Role) error {
	if !errors.Is(s.system.Ready(ctx, role), proc.ErrGone) {
		return nil
	}
	s.say("%s has ended by itself", role)
	s.mu.Lock()
	s.crashed = append(s.crashed, role)
	s.mu.Unlock()
	return s.revive(ctx, role)
}

// awaitReady waits until every part is ready, and restarts those that end meanwhile.
func (s *injector) awaitReady(ctx context.Context) error {
	for {
		err := s.system.WaitReady(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		_ = proc.Pause(ctx, minWait)
	}
}
