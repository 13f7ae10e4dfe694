package drills

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/proc"
)

// heal makes KOS as it is on most days, but for the limits that the drill is not
// about.
func (r *run) heal() error {
	well := kos.Behavior{Latency: kos.Latency{Min: 200, Max: 500}, ErrorShare: 0.005}
	customers := well
	if r.drill.RealLimit {
		well.LimitPerMinute = perMinute
	}
	return errors.Join(r.KOS.Behave(kos.BillInquiry, well), r.KOS.Behave(kos.ProductInquiry, customers))
}

// prepareTimeout bounds how long it takes until everybody is there and has
// looked around; where KOS's limit is real that alone is two minutes.
const prepareTimeout = 10 * time.Minute

// prepare lets everybody log in, and the regulars see what they will ask for.
func (r *run) prepare(ctx context.Context) error {
	d := r.drill
	people, months := d.Crowd, 1
	if people == 0 {
		questions := int((d.Quiet+d.For)/d.Every) + 1
		people, months = (questions+monthsEach-1)/monthsEach, monthsEach
	}
	if err := errors.Join(r.Seed(ctx, d.Regulars+people), r.heal()); err != nil {
		return err
	}
	r.Say("%d people log in, %d of them look around", d.Regulars+people, d.Regulars)
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	everybody, err := each(ctx, d.Regulars+people, func(n int) (person, error) {
		p, err := enter(ctx, r.Stage, n)
		if err == nil && n < d.Regulars {
			err = r.lookAround(ctx, p)
		}
		return p, err
	})
	if err != nil {
		return err
	}
	r.regulars = everybody[:d.Regulars]
	r.newcomers = newcomers{people: everybody[d.Regulars:], months: months}
	return nil
}

// lookAround asks for everything that a regular will ask for, until it is there.
func (r *run) lookAround(ctx context.Context, p person) error {
	wishes := []string{thisMonth, menu}
	if r.drill.Past {
		wishes = append(wishes, pastMonth)
	}
	for _, what := range wishes {
		for got := p.visit(what); got.Got != fresh; got = p.visit(what) {
			if err := proc.Pause(ctx, time.Second); err != nil {
				return fmt.Errorf("%w; a regular looked around: %s", err, got.Reason)
			}
		}
	}
	return nil
}

// atOnce is how many log in at a time, or wait for KOS.
const atOnce = 32

// each calls do for 0 to n-1, some at a time, and returns the results in order.
func each[T any](ctx context.Context, n int, do func(int) (T, error)) ([]T, error) {
	results, faults := make([]T, n), make([]error, n)
	next := make(chan int)
	var group sync.WaitGroup
	for range min(atOnce, n) {
		group.Go(func() {
			for i := range next {
				results[i], faults[i] = do(i)
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		next <- i
	}
	close(next)
	group.Wait()
	return results, errors.Join(errors.Join(faults...), ctx.Err())
}
