package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/stage"
	"github.com/phonebill/phonebill/dev/system"
)

// startTrouble starts the trouble of KOS or Redis.
func (r *run) startTrouble(context.Context) error {
	trouble := r.scenario.Trouble
	if trouble.Redis {
		return errors.Join(r.System.Kill(system.Redis), r.System.Kill(system.RedisCache))
	}
	if trouble.KOS == "" {
		return nil
	}
	spec := kos.Trouble{
		Name: trouble.KOS, Endpoints: []string{kos.BillInquiry, kos.ProductInquiry}, Seconds: int(r.scenario.For.Seconds()),
	}
	if trouble.Line {
		r.report.BadLine = r.newcomers.people[0].line
		spec.Line = r.report.BadLine
	}
	return r.KOS.Trouble(spec)
}

// endTrouble restarts Redis. Troubles of KOS end by themselves.
func (r *run) endTrouble(ctx context.Context) error {
	if !r.scenario.Trouble.Redis {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reviveTimeout)
	defer cancel()
	if err := errors.Join(r.System.Restart(ctx, system.Redis), r.System.Restart(ctx, system.RedisCache)); err != nil {
		return err
	}
	for user := r.client(0); ; {
		answer := user.api.Login(user.user, stage.Password)
		if answer.Succeeded() {
			break
		}
		if ctx.Err() != nil {
			r.report.Changed = append(r.report.Changed, "logins still fail: "+answer.String())
			break
		}
	}
	after, err := r.processes()
	for _, role := range slices.Sorted(maps.Keys(after)) {
		if role != system.Redis && role != system.RedisCache && after[role] != r.parts[role] {
			r.report.Changed = append(r.report.Changed, string(role)+" was restarted")
		}
	}
	return err
}

// processes returns the process ids of all parts.
func (r *run) processes() (map[system.Role]int, error) {
	all := map[system.Role]int{}
	for _, role := range r.System.Roles() {
		pid, err := r.System.PID(role)
		if err != nil {
			return nil, err
		}
		all[role] = pid
	}
	return all, nil
}

// clearCaches clears the caches of bills: the shared one, and with a restart the service's own.
// Regulars are paused meanwhile and until resume.
func (r *run) clearCaches(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reviveTimeout)
	defer cancel()
	r.newcomers.lives.Wait()
	r.pause()
	r.report.Gap = time.Now()
	if err := r.System.Kill(stage.Bills); err != nil {
		return err
	}
	if err := r.System.ClearStore(ctx, "cache-store"); err != nil {
		return err
	}
	if err := r.System.Restart(ctx, stage.Bills); err != nil {
		return err
	}
	if err := r.System.WaitReady(ctx); err != nil {
		return fmt.Errorf("restart with empty caches: %w", err)
	}
	return nil
}
