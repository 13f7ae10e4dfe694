package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/system"
)

const (
	// rollTimeout bounds the roll-out of a release, without the wait for the end of all work.
	rollTimeout = 10 * time.Minute
	// settleTimeout is how long after the return of KOS all work must have ended. Circuit breakers
	// stay open for a minute.
	settleTimeout = 6 * time.Minute
)

// Run upgrades the system of the release from to this checkout and rolls it back, while work of
// the given number of lines waits each time. It returns a report of both, or an error if there is
// nothing to report.
func Run(ctx context.Context, from string, lines int, out io.Writer) (reports []Report, err error) {
	w, err := open(ctx, from, out)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close(ctx)) }()
	if err := w.seed(ctx, 3*lines); err != nil {
		return nil, err
	}
	older, newer := release{"older", w, false}, release{"newer", w, true}
	for i, direction := range []struct {
		name     string
		from, to release
	}{{"upgrade", older, newer}, {"rollback", newer, older}} {
		w.console.Printf("== %s", direction.name)
		r := &roll{world: w, name: direction.name, from: direction.from, to: direction.to}
		report, err := r.run(ctx, i+2)
		if err != nil {
			return reports, fmt.Errorf("%s: %w", direction.name, err)
		}
		reports = append(reports, report)
	}
	return reports, nil
}

// roll is the replacement of one release by another while work waits.
type roll struct {
	*world

	name     string
	from, to release

	mu                 sync.Mutex
	changes, inquiries []work
	began, back, done  time.Time
}

// run runs a roll-out. Customers inquire the bill of the month that lies age months back.
func (r *roll) run(ctx context.Context, age int) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, rollTimeout+settleTimeout)
	defer cancel()
	err := each(r.customers, func(_ int, c *customer) error { return r.from.login(ctx, c, age) })
	if err != nil {
		return Report{}, err
	}
	r.began = time.Now()
	for _, step := range []func(context.Context) error{
		func(context.Context) error { return r.behave(true) },
		r.submitAndMigrate, r.startOther, r.repeatKeys, r.recover, r.replace, r.settle,
	} {
		if err := step(ctx); err != nil {
			return Report{}, err
		}
	}
	return r.report(ctx)
}

// submit has customers change their plans, and others inquire bills, at replicas of the given
// releases in turn.
func (r *roll) submit(ctx context.Context, service system.Role, customers []*customer, at ...release) error {
	return each(customers, func(i int, c *customer) error {
		url := at[i%len(at)].url(service)
		if service == bills {
			accepted, err := r.inquire(ctx, c, url)
			return r.note(&r.inquiries, accepted, err)
		}
		accepted, err := r.change(ctx, c, url, r.name+"-"+c.user)
		return r.note(&r.changes, accepted, err)
	})
}

func (r *roll) note(list *[]work, accepted work, err error) error {
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	*list = append(*list, accepted)
	return nil
}

// parts returns the customers who change their plans and those who inquire: two thirds of each at
// the replicas of the release from alone, the others at those of both releases.
func (r *roll) parts() (changers, inquirers [2][]*customer) {
	third := len(r.customers) / 6
	split := func(all []*customer) [2][]*customer { return [2][]*customer{all[:2*third], all[2*third:]} }
	return split(r.customers[:3*third]), split(r.customers[3*third:])
}

// submitAndMigrate submits work at the replicas of from, and runs the migrations of to meanwhile.
func (r *roll) submitAndMigrate(ctx context.Context) error {
	changers, inquirers := r.parts()
	var group sync.WaitGroup
	var faults [3]error
	group.Go(func() { faults[0] = r.submit(ctx, products, changers[0], r.from) })
	group.Go(func() { faults[1] = r.submit(ctx, bills, inquirers[0], r.from) })
	group.Go(func() { faults[2] = errors.Join(r.to.migrate(ctx, products), r.to.migrate(ctx, bills)) })
	group.Wait()
	r.console.Printf("%d changes and %d inquiries wait at the %s release", len(r.changes), len(r.inquiries), r.from.name)
	return errors.Join(faults[:]...)
}

// startOther starts the replicas of to, one service after the other, and submits work at both
// releases of each.
func (r *roll) startOther(ctx context.Context) error {
	changers, inquirers := r.parts()
	return errors.Join(
		r.to.start(ctx, bills), r.submit(ctx, bills, inquirers[1], r.from, r.to),
		r.to.start(ctx, products), r.submit(ctx, products, changers[1], r.from, r.to),
	)
}

// repeatKeys repeats each change at the other release with its key, which must return the same
// change, and then without, which must be refused.
func (r *roll) repeatKeys(ctx context.Context) error {
	return each(slices.Clone(r.changes), func(i int, c work) error {
		url := []release{r.to, r.from}[i%2].url(products)
		again, err := r.change(ctx, c.customer, url, c.key)
		if err == nil && again.requestID != c.requestID {
			err = fmt.Errorf("key %s is request %s, and %s at the other release", c.key, c.requestID, again.requestID)
		}
		return errors.Join(err, r.refused(c.customer, url))
	})
}

// recover makes KOS answer again and waits until a quarter of the changes are final, so that both
// releases are at work.
func (r *roll) recover(ctx context.Context) error {
	r.back = time.Now()
	if err := r.behave(false); err != nil {
		return err
	}
	return r.await(ctx, fmt.Sprintf("a quarter of %d changes is final", len(r.changes)), func(s state) bool {
		return s.openChanges <= len(r.changes)*3/4
	})
}

// replace kills the replicas of from.
func (r *roll) replace(context.Context) error {
	r.console.Printf("The %s release is killed.", r.from.name)
	return errors.Join(r.from.kill(bills), r.from.kill(products))
}

// settle waits until all work has ended, or settleTimeout has passed.
func (r *roll) settle(ctx context.Context) error {
	ctx, cancel := context.WithDeadline(ctx, r.back.Add(settleTimeout))
	defer cancel()
	err := r.await(ctx, "all work has ended", func(s state) bool { return s == state{} })
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // the report says what has not ended
	}
	r.done = time.Now()
	return err
}

// await waits for a state of the databases.
func (r *roll) await(ctx context.Context, what string, reached func(state) bool) error {
	var last state
	defer r.console.Wait("waiting until "+what, nil)()
	for {
		now, err := r.state(ctx)
		if err != nil {
			return err
		}
		if now != last {
			last = now
			r.console.Printf("%s after KOS's return: %s", time.Since(r.back).Round(time.Second), now)
		}
		if reached(now) {
			return nil
		}
		if err := proc.Pause(ctx, time.Second); err != nil {
			return err
		}
	}
}
