package chaos

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/stage"
	"github.com/phonebill/phonebill/dev/internal/traffic"
	"github.com/phonebill/phonebill/dev/system"
)

const (
	// prepareTimeout bounds logins and warm-up; with KOS's real limit the warm-up alone takes two
	// minutes.
	prepareTimeout = 10 * time.Minute
	// atOnce is the number of parallel logins and warm-ups.
	atOnce = 32
	// settleTimeout is how long after the trouble newcomers may wait for their bills; crowdTimeout
	// is the same for a crowd, which waits during the trouble.
	settleTimeout, crowdTimeout = 5 * time.Minute, 13 * time.Minute
)

// run is a scenario in progress.
type run struct {
	*stage.Stage

	scenario  Scenario
	report    Report
	injector  *injector
	clients   []*client // logged in: regulars, customers and newcomers
	customers []*customer
	transport http.RoundTripper
	done      atomic.Int64 // changes that were accepted or refused
	newcomers newcomers
	life      context.Context // of newcomers
	end       context.CancelFunc
	load      *traffic.Traffic
	turns     []int // number of requests of each regular
	gauges    *gauges
	parts     map[system.Role]int // process ids before the trouble
}

// Run executes a scenario on an empty system. It returns an error if there is nothing to report.
func Run(ctx context.Context, scenario Scenario, out io.Writer) (report Report, err error) {
	opened := time.Now()
	s, err := stage.Open(ctx, "chaos", scenario.Env, out)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	r := &run{
		Stage: s, scenario: scenario, report: Report{Scenario: scenario, Opened: opened},
		injector: newInjector(s.System, s.Say), turns: make([]int, scenario.Regulars),
		transport: api.Timed(&http.Transport{MaxIdleConnsPerHost: 200}),
	}
	r.life, r.end = context.WithCancel(ctx)
	defer r.end()
	r.gauges = watch(s.System)
	defer r.gauges.stop()
	defer func() { r.pause() }()
	for _, phase := range []func(context.Context) error{r.prepare, r.waitQuietly, r.trouble, r.settle, r.collect} {
		if err := phase(ctx); err != nil {
			return Report{}, err
		}
	}
	return r.report, nil
}

// prepare logs everyone in and warms the caches for the regulars.
func (r *run) prepare(ctx context.Context) error {
	s := r.scenario
	lines, months := s.Crowd, 1
	if s.Every > 0 && s.Crowd == 0 {
		inquiries := int((s.Quiet+s.For)/s.Every) + 1
		lines, months = (inquiries+monthsEach-1)/monthsEach, monthsEach
	}
	r.clients = make([]*client, max(s.Regulars+lines, len(s.Changes)))
	if err := r.Seed(ctx, len(r.clients), s.Behaviors); err != nil {
		return err
	}
	r.Say("%d users log in", len(r.clients))
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for n := range r.clients {
		group.Go(func() error { return r.admit(ctx, n) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for n, requests := range s.Changes {
		r.customers = append(r.customers, &customer{
			client: r.clients[n], requests: requests, answers: map[string]int{}, done: &r.done,
		})
	}
	r.newcomers = newcomers{people: r.clients[s.Regulars:], months: months}
	return nil
}

// admit logs a user in and reads what it will need.
func (r *run) admit(ctx context.Context, n int) error {
	c := r.client(n)
	r.clients[n] = c
	if err := c.login(ctx); err != nil {
		return err
	}
	if n < len(r.scenario.Changes) {
		if err := c.readPlans(); err != nil {
			return err
		}
	}
	if n < r.scenario.Regulars {
		return c.warmUp(ctx, r.scenario.Asks)
	}
	return ctx.Err()
}

// waitQuietly runs the load without faults, for comparison.
func (r *run) waitQuietly(ctx context.Context) error {
	r.resume()
	r.report.Began = time.Now()
	r.Say("no faults for %s", r.scenario.Quiet)
	return r.wait(ctx, r.scenario.Quiet, r.scenario.Crowd == 0)
}

// trouble starts the faults and runs the load until they have ended.
func (r *run) trouble(ctx context.Context) error {
	if err := r.startFaults(ctx); err != nil {
		return err
	}
	if err := r.wait(ctx, time.Until(r.report.Trouble.Add(r.scenario.For)), true); err != nil {
		return err
	}
	if r.scenario.Crowd > 0 { // a crowd's trouble ends when the last one is served
		r.serveNewcomers(crowdTimeout)
	}
	if r.report.Over.IsZero() {
		r.report.Over = time.Now()
	}
	return r.endTrouble(ctx)
}

// startFaults clears the caches, if the scenario requires it, and starts the faults.
func (r *run) startFaults(ctx context.Context) (err error) {
	if r.scenario.ColdCaches {
		if err := r.clearCaches(ctx); err != nil {
			return err
		}
		defer r.resume()
	}
	if r.parts, err = r.processes(); err != nil {
		return err
	}
	r.Say("%s: %s", r.scenario.Name, r.scenario.Description)
	r.report.Trouble = time.Now()
	return r.scenario.begin(r, ctx)
}

// settle waits until the load has been served and nothing is stale any more, or a timeout.
func (r *run) settle(ctx context.Context) error {
	r.Say("it is over; watching the recovery")
	r.serveNewcomers(settleTimeout)
	if err := r.awaitFinal(ctx); err != nil {
		return err
	}
	if err := r.awaitFresh(ctx); err != nil {
		return err
	}
	r.report.Ended = time.Now()
	return nil
}

// awaitFinal reads the changes until all are final, or until twice the time that they should take
// with KOS's rate limit of orders.
func (r *run) awaitFinal(ctx context.Context) (err error) {
	draining := time.Duration(len(r.customers)) * time.Minute / ordersPerMinute
	late, cancel := context.WithTimeout(ctx, 2*(finalTimeout+draining))
	defer cancel()
	for len(r.customers) > 0 {
		if r.report.Records.Rows, err = r.rows(ctx); err != nil {
			return err
		}
		if r.report.Records.final() || proc.Pause(late, minWait) != nil {
			break
		}
	}
	return ctx.Err()
}

// awaitFresh waits for the end of the recovery phase: no stale answer for a while, or a timeout.
func (r *run) awaitFresh(ctx context.Context) error {
	over, s := r.report.Over, r.scenario
	for {
		last := lastStale(r.load.Calls())
		settled := last.Before(over) || time.Since(last) > 2*s.Pace
		switch {
		case time.Since(over) < s.After:
		case settled, s.Bounds.Fresh == 0, time.Since(over) > s.Bounds.Fresh+s.After:
			return nil
		}
		if err := proc.Pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// wait waits while newcomers may arrive.
func (r *run) wait(ctx context.Context, d time.Duration, arriving bool) error {
	phase, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	if arriving && r.scenario.Every > 0 {
		r.newcomers.come(phase, r.life, r.scenario.Every)
	}
	<-phase.Done()
	return ctx.Err()
}

// serveNewcomers waits until all newcomers are served, or cancels them.
func (r *run) serveNewcomers(within time.Duration) {
	late := time.AfterFunc(within, r.end)
	defer late.Stop()
	r.newcomers.lives.Wait()
}

// resume starts the regulars.
func (r *run) resume() {
	r.load = traffic.Spread(r.scenario.Regulars, r.scenario.Pace, func(worker int) traffic.Call {
		turn := r.turns[worker] + worker
		r.turns[worker]++
		return r.clients[worker].visit(r.scenario.Asks[turn%len(r.scenario.Asks)])
	})
}

// pause stops the regulars and records their calls.
func (r *run) pause() {
	if r.load != nil {
		r.report.Regulars = append(r.report.Regulars, r.load.Stop()...)
		r.load = nil
	}
}
