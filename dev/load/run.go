package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/stage"
	"github.com/phonebill/phonebill/dev/system"
)

// run is a scenario in progress.
type run struct {
	*stage.Stage

	scenario Scenario
	users    []*user
	base     func(Round, Step) string // the address for a step
	report   Report
}

// Run executes a scenario on an empty system. It returns an error if there is nothing to report.
func Run(ctx context.Context, scenario Scenario, out io.Writer) (report Report, err error) {
	s, err := stage.Open(ctx, "load", scenario.Env, out)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	r := &run{Stage: s, scenario: scenario}
	r.base = r.address
	for n := range scenario.Users {
		r.users = append(r.users, newUser(n))
	}
	if err := r.prepare(ctx); err != nil {
		return Report{}, err
	}
	for _, round := range scenario.Rounds {
		if err := r.measure(ctx, round); err != nil {
			return Report{}, err
		}
	}
	return r.report, r.readKOS(ctx)
}

// prepare seeds the users and runs what is not measured.
func (r *run) prepare(ctx context.Context) error {
	r.report = Report{Name: r.scenario.Name, Description: r.scenario.Description, Users: r.scenario.Users, Setting: r.setting(ctx)}
	start := time.Now()
	if err := r.Seed(ctx, r.scenario.Users, nil); err != nil {
		return err
	}
	r.Say("%d users seeded after %s", r.scenario.Users, time.Since(start).Round(time.Millisecond))
	if r.scenario.Preload {
		if err := r.preload(ctx); err != nil {
			return err
		}
	}
	if len(r.scenario.WarmUp.Visit) > 0 {
		m := newMeter()
		if err := r.Behave(instant); err != nil {
			return err
		}
		if err := r.play(ctx, r.scenario.WarmUp, m); err != nil {
			return err
		}
		r.Say("warm-up of %d users after %s: %s", r.scenario.Users, time.Since(start).Round(time.Second), m)
	}
	for n, u := range r.users {
		u.async = n%2 == 1 && !r.scenario.Sync
	}
	return errors.Join(r.KOS.CalmDown(), r.Behave(r.scenario.Behaviors))
}

// preload makes the service fetch the customer and plan of every line, and waits for that.
func (r *run) preload(ctx context.Context) error {
	var lines strings.Builder
	for n := range r.users {
		_, _ = fmt.Fprintf(&lines, "%s,%s\n", stage.Customer(n), stage.Line(n))
	}
	start := time.Now()
	if err := r.System.FeedApp(ctx, stage.Products, strings.NewReader(lines.String()), "preload"); err != nil {
		return err
	}
	for {
		left, err := stage.Query[struct{ Items int }](ctx, r.Stage, "product_change", "SELECT count(*) FROM kos_queue")
		if err != nil || left[0].Items == 0 {
			r.Say("%d lines preloaded after %s", len(r.users), time.Since(start).Round(time.Second))
			return err
		}
		if err := proc.Pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// sampleEvery is the interval of readings of memory and goroutines.
const sampleEvery = 5 * time.Second

// measure plays a round and reports it.
func (r *run) measure(ctx context.Context, round Round) error {
	if round.before != nil {
		if err := round.before(ctx, r); err != nil {
			return fmt.Errorf("before %s: %w", round.Name, err)
		}
	}
	r.Say("%s", round.Name)
	sampling, cancel := context.WithCancel(ctx)
	defer cancel()
	m, samples, start := newMeter(), []sample{r.sample(ctx)}, time.Now()
	var sampler sync.WaitGroup
	sampler.Go(func() {
		for proc.Pause(sampling, sampleEvery) == nil {
			samples = append(samples, r.sample(ctx))
		}
	})
	err := r.play(ctx, round, m)
	took := time.Since(start)
	cancel()
	sampler.Wait()
	samples = append(samples, r.sample(ctx))
	r.report.Rounds = append(r.report.Rounds, newRoundReport(round, took, m, samples))
	return err
}

// sample is the usage of all parts at a time.
type sample struct {
	at    time.Time
	parts map[system.Role]system.Usage
}

func (r *run) sample(ctx context.Context) sample {
	s := sample{time.Now(), map[system.Role]system.Usage{}}
	for _, role := range r.System.Roles() {
		if usage, err := r.System.Usage(ctx, role); err == nil {
			s.parts[role] = usage
		}
	}
	s.parts[Generator] = ownUsage()
	return s
}

// grace is how long after its end a round waits for what is pending.
const grace = 15 * time.Second

// play lets the users of a round live.
func (r *run) play(ctx context.Context, round Round, m *meter) error {
	users := r.users
	if round.Users > 0 {
		users = users[:round.Users]
	}
	begin := time.Now()
	limit := cmp.Or(round.Patience, patience)
	if round.For > 0 {
		limit = round.For + grace
	}
	lives, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(cmp.Or(round.AtOnce, -1))
	for i, u := range users {
		u.due = begin.Add(round.Spread * time.Duration(i) / time.Duration(len(users)))
		group.Go(func() error {
			if round.AtOnce > 0 {
				u.due = time.Now()
			}
			r.live(lives, round, u, begin.Add(round.For), m)
			return nil
		})
	}
	_ = group.Wait()
	return ctx.Err()
}

// live performs the visits of a user. Visits of a round with a duration begin anywhere, because not
// all customers open the application at once.
func (r *run) live(ctx context.Context, round Round, u *user, end time.Time, m *meter) {
	visit := round.Visit
	if round.For > 0 && len(visit) > 0 {
		first := u.random.IntN(len(visit))
		visit = slices.Concat(visit[first:], visit[:first])
	}
	for len(visit) > 0 {
		for _, act := range visit {
			if act.Share < 1 && u.random.Float64() >= act.Share {
				continue
			}
			over := round.For > 0 && !u.due.Before(end)
			if over || ctx.Err() != nil || proc.Pause(ctx, time.Until(u.due)) != nil {
				return
			}
			if !u.perform(ctx, m, r.base(round, act.Step), act.Step) && act.Step == Login {
				return
			}
			u.due = round.next(u.due, u.random)
		}
		if round.For == 0 {
			return
		}
	}
	_ = proc.Pause(ctx, time.Until(end)) // an idle round
}

// next returns when the user who was due acts again.
func (r Round) next(due time.Time, random *rand.Rand) time.Time {
	const longestThink = 5 // times the mean
	if r.Every > 0 {
		return due.Add(r.Every)
	}
	return time.Now().Add(time.Duration(min(random.ExpFloat64(), longestThink) * float64(r.Think)))
}

// address returns the address for a step.
func (r *run) address(round Round, step Step) string {
	switch {
	case step == KOSDirect:
		return r.System.AppURL(stage.KOSMock)
	case step == KOSSidecars:
		return r.System.SidecarURL(stage.Bills)
	case !round.Direct:
		return r.System.URL()
	}
	switch step {
	case Login:
		return r.System.AppURL(stage.Auth)
	case Menu, Inquiry, Month, History:
		return r.System.AppURL(stage.Bills)
	default:
		return r.System.AppURL(stage.Products)
	}
}
