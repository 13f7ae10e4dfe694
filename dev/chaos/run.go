package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/phonebill/phonebill/dev/chaos/internal/stage"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/proc"
)

const (
	// runTimeout bounds the disruptions. It is reached only if customers make no progress.
	runTimeout = 25 * time.Minute
	// settleTimeout is how long after the last recovery a change may take. The breaker towards KOS
	// alone stays open for 60 s.
	settleTimeout = 90 * time.Second
)

// run is a run in progress.
type run struct {
	*scene
	plan Plan
	done *progress

	customers []*customer
	injector  *injector
}

// Run starts the system, executes the plan, stops the system and reports. It returns an error if
// there was nothing to compare.
func Run(ctx context.Context, plan Plan, out io.Writer) (report Report, err error) {
	started := time.Now()
	scene, err := openScene(ctx, kos.Unlimited, out)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, scene.Close(ctx)) }()
	r := &run{scene: scene, plan: plan, done: newProgress(), injector: newInjector(scene.System, scene.Say)}
	if err := r.prepare(ctx); err != nil {
		return Report{}, err
	}
	ready, err := r.disrupt(ctx)
	if err != nil {
		return Report{}, err
	}
	records, err := r.audit(ctx, ready)
	if err != nil {
		return Report{}, err
	}
	report = newReport(records, ready)
	report.Kills, report.Pauses, report.Crashed = r.injector.kills, r.injector.pauses, r.injector.crashed
	report.Answers = r.answers()
	report.Took = time.Since(started)
	return report, nil
}

// prepare seeds customers, configures KOS and logs everyone in.
func (r *run) prepare(ctx context.Context) error {
	err := errors.Join(
		r.Seed(ctx, len(r.plan.Customers)),
		r.KOS.Behave(kos.ProductChange, kos.Behavior{
			Latency: kos.Latency{Min: 50, Max: 200}, ErrorShare: 0.02, ErrorStatus: http.StatusInternalServerError,
			Script: r.plan.Faults,
		}),
	)
	if err != nil {
		return err
	}
	for n, requests := range r.plan.Customers {
		c := r.customer(n)
		c.requests, c.done = requests, r.done
		if err := c.login(); err != nil {
			return err
		}
		r.customers = append(r.customers, c)
	}
	return ctx.Err()
}

// disrupt runs the customers while the system is disrupted. It returns when everything is ready
// again.
func (r *run) disrupt(ctx context.Context) (ready time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	watched, unwatch := context.WithCancel(ctx)
	defer unwatch()
	var living, watching sync.WaitGroup
	var broken error
	watching.Go(func() { broken = r.injector.supervise(watched) })

	start := time.Now()
	for _, c := range r.customers {
		living.Go(func() { c.run(ctx, start) })
	}
	err = r.injector.run(ctx, r.plan.Disruptions, r.done)
	if err != nil {
		cancel()
	}
	ready = time.Now()
	r.Say("all disruptions are done and everything is ready after %s", ready.Sub(start).Round(time.Second))
	living.Wait()
	unwatch()
	watching.Wait()
	return ready, errors.Join(err, broken)
}

// audit waits until all changes are final, or a timeout, and collects the three records.
func (r *run) audit(ctx context.Context, ready time.Time) (records Records, err error) {
	late, cancel := context.WithDeadline(ctx, latest(ready.Add(settleTimeout), time.Now().Add(settleTimeout)))
	defer cancel()
	for {
		if records.Rows, err = r.database.rows(ctx); err != nil {
			return Records{}, err
		}
		if allFinal(records.Rows) || proc.Pause(late, minWait) != nil {
			break
		}
	}
	if records.Orders, err = r.KOS.Orders(string(stage.Products)); err != nil {
		return Records{}, err
	}
	records.Shown = map[string]string{}
	for _, c := range r.customers {
		records.Observed = append(records.Observed, c.observed...)
		seen := c.api.Subscription(c.line)
		if !seen.Succeeded() {
			return Records{}, fmt.Errorf("plan of a line: %s", seen)
		}
		records.Shown[c.line] = seen.Data.Current.Code
	}
	return records, ctx.Err()
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func allFinal(rows []Row) bool {
	for _, row := range rows {
		if !row.final() {
			return false
		}
	}
	return true
}

// answers returns the number of answers of each kind.
func (r *run) answers() map[string]int {
	all := map[string]int{}
	for _, c := range r.customers {
		for kind, n := range maps.All(c.answers) {
			all[kind] += n
		}
	}
	return all
}
