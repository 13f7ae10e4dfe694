package drills

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/phonebill/phonebill/dev/chaos/internal/stage"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/traffic"
	"github.com/phonebill/phonebill/dev/system"
)

const (
	// settleTimeout is how long after the trouble newcomers may wait for their bills.
	settleTimeout = 5 * time.Minute
	// crowdTimeout is the same for a crowd, which waits during the trouble.
	crowdTimeout = 13 * time.Minute
)

// run is a drill in progress.
type run struct {
	*stage.Stage

	drill     Drill
	report    Report
	regulars  []person
	load      *traffic.Traffic
	turns     []int // number of requests of each regular
	newcomers newcomers
	gauges    *gauges
	parts     map[system.Role]int // process ids before the trouble
}

// Run starts the system, performs the drill and reports. It returns an error if there is nothing to
// report.
func Run(ctx context.Context, drill Drill, out io.Writer) (report Report, err error) {
	s, err := stage.Open(ctx, "drill", drill.env(), out)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	r := &run{Stage: s, drill: drill, report: Report{Drill: drill}, turns: make([]int, drill.Regulars)}
	if err := r.prepare(ctx); err != nil {
		return Report{}, err
	}
	if err := r.play(ctx); err != nil {
		return Report{}, err
	}
	r.report.KOS, err = fetchCalls(ctx, s.Secrets, r.report.Began)
	return r.report, err
}

// env returns the services' environment variables. Prefetching is off, because it would warm the
// caches for newcomers.
func (d Drill) env() []string {
	env := []string{"PREFETCH_ENABLED=false", "NIGHTLY_REFRESH_ENABLED=false", "KOS_PRODUCT_INQUIRY_PER_MINUTE=3000"}
	if !d.RealLimit {
		env = append(env, "KOS_BILL_INQUIRY_PER_MINUTE=3000")
	}
	return env
}

// play performs the drill.
func (r *run) play(ctx context.Context) error {
	r.gauges = watch(r.System)
	defer r.gauges.stop()
	life, end := context.WithCancel(ctx)
	defer end()
	r.resume()
	defer func() { r.load.Stop() }()

	r.report.Began = time.Now()
	r.Say("all is well for %s", r.drill.Quiet)
	if err := r.pass(ctx, life, r.drill.Quiet, r.drill.Crowd == 0); err != nil {
		return err
	}
	if err := r.startTrouble(ctx); err != nil {
		return err
	}
	if err := r.pass(ctx, life, r.drill.For, true); err != nil {
		return err
	}
	if r.drill.Crowd > 0 { // a crowd's drill ends when the last one is served
		r.settle(end, crowdTimeout)
	}
	r.report.Over = time.Now()
	if err := r.recover(ctx); err != nil {
		return err
	}
	r.Say("it is over; watching the recovery")
	r.settle(end, settleTimeout)
	if err := r.awaitFresh(ctx); err != nil {
		return err
	}
	r.report.Ended = time.Now()
	r.report.Regulars = append(r.report.Regulars, r.load.Stop()...)
	r.report.Newcomers = r.newcomers.stories()
	r.report.Gauges = r.gauges.stop()
	return nil
}

// startTrouble clears the caches, if the drill requires it, and starts the trouble.
func (r *run) startTrouble(ctx context.Context) error {
	if r.drill.ColdCaches {
		if err := r.clearCaches(ctx); err != nil {
			return err
		}
		defer r.resume()
	}
	parts, err := r.processes()
	if err != nil {
		return err
	}
	r.parts = parts
	r.Say("%s: %s", r.drill.Name, r.drill.Description)
	r.report.Trouble = time.Now()
	return r.begin()
}

// awaitFresh waits for the end of the recovery phase: no stale answer for a while, or a timeout.
func (r *run) awaitFresh(ctx context.Context) error {
	over, d := r.report.Over, r.drill
	for {
		last := lastStale(r.load.Calls())
		settled := last.Before(over) || time.Since(last) > 2*d.Pace
		switch {
		case time.Since(over) < d.After:
		case settled, d.Bounds.Fresh == 0, time.Since(over) > d.Bounds.Fresh+d.After:
			return nil
		}
		if err := proc.Pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// pass waits while newcomers may arrive.
func (r *run) pass(ctx, life context.Context, d time.Duration, anybody bool) error {
	passing, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	if anybody {
		r.newcomers.come(passing, life, r.drill.Every)
	}
	<-passing.Done()
	return ctx.Err()
}

// settle waits until all newcomers are served, or cancels them.
func (r *run) settle(end context.CancelFunc, within time.Duration) {
	late := time.AfterFunc(within, end)
	defer late.Stop()
	r.newcomers.lives.Wait()
}

// resume starts the regulars.
func (r *run) resume() {
	r.load = traffic.Spread(r.drill.Regulars, r.drill.Pace, func(worker int) traffic.Call {
		turn := r.turns[worker] + worker
		r.turns[worker]++
		return r.regulars[worker].visit(nextRequest(turn, r.drill.Past))
	})
}

// nextRequest returns the kind of a regular's nth request.
func nextRequest(turn int, past bool) string {
	switch {
	case turn%10 == 0:
		return menu
	case turn%10 == 5 && past:
		return pastMonth
	}
	return thisMonth
}
