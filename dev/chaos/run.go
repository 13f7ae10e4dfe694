package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/secrets"
	"github.com/phonebill/phonebill/dev/system"
)

const (
	startTimeout = 5 * time.Minute // with an empty data folder and nothing built
	stopTimeout  = time.Minute
	// runTimeout bounds the whole of the harm. It takes that long only if
	// customers do not get on.
	runTimeout = 25 * time.Minute
	// patience is how long after the last recovery a change may take. The
	// breaker towards KOS alone stays open for 60 s.
	patience = 90 * time.Second
	// kosURL is where KOS's stand-in answers; its admin API is not behind the
	// ingress.
	kosURL = "http://127.0.0.1:8084"
)

// limits let the service send KOS more than the real one takes: a run is to be
// about deaths, not about waiting.
var limits = []string{
	"KOS_CHANGE_PER_MINUTE=900", "KOS_CHANGE_STATUS_PER_MINUTE=3000",
	"KOS_PRODUCT_INQUIRY_PER_MINUTE=3000", "KOS_PRODUCTS_PER_MINUTE=600",
}

// run is a run under way.
type run struct {
	plan     Plan
	system   *system.System
	say      func(format string, args ...any)
	kos      *kos.Admin
	database database
	done     *progress

	customers []*customer
	saboteur  *saboteur
}

// Run starts the system, does what the plan says, stops the system and reports
// what became of it. Its error says that there was nothing to compare.
func Run(ctx context.Context, plan Plan, out io.Writer) (report Report, err error) {
	started := time.Now()
	r, err := start(ctx, plan, out)
	if err != nil {
		return Report{}, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err = errors.Join(err, r.system.Stop(ctx))
	}()
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

// start starts the system with nothing in it.
func start(ctx context.Context, plan Plan, out io.Writer) (*run, error) {
	root, err := checkout.Find(".")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s, err := system.Start(ctx, system.Options{Dir: ".", Data: "chaos", Fresh: true, Env: limits, Out: out})
	if err != nil {
		return nil, err
	}
	set, err := secrets.Load(root.Secrets())
	if err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
	}
	say := console.New(out).Printf
	return &run{
		plan: plan, system: s, say: say, kos: kos.New(kosURL, nil), database: openDatabase(set),
		done: newProgress(), saboteur: newSaboteur(s, say),
	}, nil
}

// prepare seeds customers, tells KOS how to behave, and lets everybody in.
func (r *run) prepare(ctx context.Context) error {
	err := errors.Join(
		r.system.RunApp(ctx, auth, "seed-demo", "--users", strconv.Itoa(len(r.plan.Customers))),
		r.kos.CalmDown(),
		r.kos.Behave(kos.ProductChange, kos.Behavior{
			Latency: kos.Latency{Min: 50, Max: 200}, ErrorShare: 0.02, ErrorStatus: http.StatusInternalServerError,
			Script: r.plan.Faults,
		}),
	)
	if err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: len(r.plan.Customers)}
	for n, wishes := range r.plan.Customers {
		c := &customer{
			api: api.New(r.system.URL(), transport), user: userOf(n), line: lineOf(n), wishes: wishes,
			answers: map[string]int{}, done: r.done,
		}
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
	r.say("all harm is done and everything ready after %s", ready.Sub(start).Round(time.Second))
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
	if truths.Orders, err = r.kos.Orders(string(products)); err != nil {
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
