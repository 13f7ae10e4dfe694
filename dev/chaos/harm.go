package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/system"
)

// reviveTimeout bounds the wait for a part that was started again, and for all
// that it needs, which may have been harmed as well.
const reviveTimeout = 90 * time.Second

// saboteur harms the system, and brings back what it has harmed.
type saboteur struct {
	system *system.System
	// say takes the progress, for people.
	say func(format string, args ...any)

	busy map[system.Role]*sync.Mutex // held by who harms or revives a part

	mu     sync.Mutex
	kills  int
	pauses int
	fell   []system.Role // by themselves, as often as they did
}

func newSaboteur(s *system.System, say func(string, ...any)) *saboteur {
	busy := map[system.Role]*sync.Mutex{}
	for _, role := range s.Roles() {
		busy[role] = &sync.Mutex{}
	}
	return &saboteur{system: s, say: say, busy: busy}
}

// run does all harm and returns when everything is ready again.
func (s *saboteur) run(ctx context.Context, harms []Harm, done *progress) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	for _, harm := range harms {
		if err := errors.Join(done.reach(ctx, harm.After), proc.Pause(ctx, harm.Delay)); err != nil {
			break
		}
		group.Go(func() {
			if err := s.harm(ctx, harm); err != nil {
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

// harm does one harm to a part that runs, and waits until the part is ready
// again.
func (s *saboteur) harm(ctx context.Context, harm Harm) error {
	s.busy[harm.Role].Lock()
	defer s.busy[harm.Role].Unlock()
	if harm.Pause {
		return s.pause(ctx, harm)
	}
	s.say("kill %s, for %s", harm.Role, harm.For.Round(time.Millisecond))
	if err := s.system.Kill(harm.Role); err != nil {
		return err
	}
	s.mu.Lock()
	s.kills++
	s.mu.Unlock()
	if err := proc.Pause(ctx, harm.For); err != nil {
		return err
	}
	return s.revive(ctx, harm.Role)
}

func (s *saboteur) pause(ctx context.Context, harm Harm) error {
	s.say("pause %s, for %s", harm.Role, harm.For.Round(time.Millisecond))
	err := s.system.Pause(harm.Role)
	if errors.Is(err, proc.ErrGone) { // it has fallen just before
		return s.revive(ctx, harm.Role)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.pauses++
	s.mu.Unlock()
	_ = proc.Pause(ctx, harm.For) // whatever ends it, the part goes on
	return s.system.Resume(harm.Role)
}

// revive starts a part until it stays. A sidecar that finds no Redis ends
// again: whoever runs it starts it again, and so do we.
func (s *saboteur) revive(ctx context.Context, role system.Role) error {
	ctx, cancel := context.WithTimeout(ctx, reviveTimeout)
	defer cancel()
	for {
		if err := s.system.Restart(ctx, role); err != nil {
			return fmt.Errorf("start %s again: %w", role, err)
		}
		err := s.system.WaitReady(ctx, role)
		if err == nil || ctx.Err() != nil {
			return err
		}
		_ = proc.Pause(ctx, glance)
	}
}

// supervise starts parts again that end by themselves, until ctx ends.
func (s *saboteur) supervise(ctx context.Context) error {
	for proc.Pause(ctx, time.Second) == nil {
		for role, busy := range s.busy {
			if !busy.TryLock() {
				continue
			}
			err := s.lift(ctx, role)
			busy.Unlock()
			if err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
	return nil
}

// lift starts a part again if it has ended.
func (s *saboteur) lift(ctx context.Context, role system.Role) error {
	if !errors.Is(s.system.Ready(ctx, role), proc.ErrGone) {
		return nil
	}
	s.say("%s has ended by itself", role)
	s.mu.Lock()
	s.fell = append(s.fell, role)
	s.mu.Unlock()
	return s.revive(ctx, role)
}

// awaitReady waits until every part is ready, also those that end meanwhile and
// are started again.
func (s *saboteur) awaitReady(ctx context.Context) error {
	for {
		err := s.system.WaitReady(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		_ = proc.Pause(ctx, glance)
	}
}
