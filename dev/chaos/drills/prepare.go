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

// reset makes KOS behave normally, with the limits that the drill needs.
func (r *run) reset() error {
	well := kos.Behavior{Latency: kos.Latency{Min: 200, Max: 500}, ErrorShare: 0.005}
	customers := well
	if r.drill.RealLimit {
		well.LimitPerMinute = perMinute
	}
	return errors.Join(r.KOS.Behave(kos.BillInquiry, well), r.KOS.Behave(kos.ProductInquiry, customers))
}

// prepareTimeout bounds logins and warm-up; with KOS's real limit the warm-up alone takes two
// minutes.
const prepareTimeout = 10 * time.Minute

// prepare logs everyone in and warms the caches for the regulars.
func (r *run) prepare(ctx context.Context) error {
	d := r.drill
	people, months := d.Crowd, 1
	if people == 0 {
		questions := int((d.Quiet+d.For)/d.Every) + 1
		people, months = (questions+monthsEach-1)/monthsEach, monthsEach
	}
	if err := errors.Join(r.Seed(ctx, d.Regulars+people), r.reset()); err != nil {
		return err
	}
	r.Say("%d people log in, %d of them poll around", d.Regulars+people, d.Regulars)
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	everybody, err := each(ctx, d.Regulars+people, func(n int) (person, error) {
		p, err := login(ctx, r.Stage, n)
		if err == nil && n < d.Regulars {
			err = r.warmUp(ctx, p)
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

// warmUp sends all kinds of a regular's requests until they are answered.
func (r *run) warmUp(ctx context.Context, p person) error {
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

// atOnce is the number of parallel logins and warm-ups.
const atOnce = 32

// each calls do for 0 to n-1 with bounded parallelism, and returns the results in order.
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
