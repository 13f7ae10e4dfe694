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
	// runTimeout bounds the whole of the harm. It takes that long only if
	// customers do not get on.
	runTimeout = 25 * time.Minute
	// patience is how long after the last recovery a change may take. The
	// breaker towards KOS alone stays open for 60 s.
	patience = 90 * time.Second
)

// run is a run under way.
type run struct {
	*scene
	plan Plan
	done *progress

	customers []*customer
	saboteur  *saboteur
}

// Run starts the system, does what the plan says, stops the system and reports
// what became of it. Its error says that there was nothing to compare.
func Run(ctx context.Context, plan Plan, out io.Writer) (report Report, err error) {
	started := time.Now()
	scene, err := openScene(ctx, kos.Unlimited, out)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, scene.Close(ctx)) }()
	r := &run{scene: scene, plan: plan, done: newProgress(), saboteur: newSaboteur(scene.System, scene.Say)}
	if err := r.prepare(ctx); err != nil {
		return Report{}, err
	}
	ready, err := r.harm(ctx)
	if err != nil {
		return Report{}, err
	}
	truths, err := r.audit(ctx, ready)
	if err != nil {
		return Report{}, err
	}
	report = newReport(truths, ready)
	report.Kills, report.Pauses, report.Fell = r.saboteur.kills, r.saboteur.pauses, r.saboteur.fell
	report.Answers = r.answers()
	report.Took = time.Since(started)
	return report, nil
}

// prepare seeds customers, tells KOS how to behave, and lets everybody in.
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
	for n, wishes := range r.plan.Customers {
		c := r.customer(n)
		c.wishes, c.done = wishes, r.done
		if err := c.enter(); err != nil {
			return err
		}
		r.customers = append(r.customers, c)
	}
	return ctx.Err()
}

// harm lets the customers live while the system is harmed. It returns when
// everything was ready again.
func (r *run) harm(ctx context.Context) (ready time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	watched, unwatch := context.WithCancel(ctx)
	defer unwatch()
	var living, watching sync.WaitGroup
	var broken error
	watching.Go(func() { broken = r.saboteur.supervise(watched) })

	start := time.Now()
	for _, c := range r.customers {
		living.Go(func() { c.live(ctx, start) })
	}
	err = r.saboteur.run(ctx, r.plan.Harms, r.done)
	if err != nil {
		cancel()
	}
	ready = time.Now()
	r.Say("all harm is done and everything ready after %s", ready.Sub(start).Round(time.Second))
	living.Wait()
	unwatch()
	watching.Wait()
	return ready, errors.Join(err, broken)
}

// audit waits until all changes are final, or should be, and asks all three.
func (r *run) audit(ctx context.Context, ready time.Time) (truths Truths, err error) {
	late, cancel := context.WithDeadline(ctx, latest(ready.Add(patience), time.Now().Add(patience)))
	defer cancel()
	for {
		if truths.Rows, err = r.database.rows(ctx); err != nil {
			return Truths{}, err
		}
		if allFinal(truths.Rows) || proc.Pause(late, glance) != nil {
			break
		}
	}
	if truths.Orders, err = r.KOS.Orders(string(stage.Products)); err != nil {
		return Truths{}, err
	}
	truths.Shown = map[string]string{}
	for _, c := range r.customers {
		truths.Told = append(truths.Told, c.told...)
		seen := c.api.Subscription(c.line)
		if !seen.Succeeded() {
			return Truths{}, fmt.Errorf("plan of a line: %s", seen)
		}
		truths.Shown[c.line] = seen.Data.Current.Code
	}
	return truths, ctx.Err()
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

// answers returns how many answers of each kind customers got.
func (r *run) answers() map[string]int {
	all := map[string]int{}
	for _, c := range r.customers {
		for kind, n := range maps.All(c.answers) {
			all[kind] += n
		}
	}
	return all
}
