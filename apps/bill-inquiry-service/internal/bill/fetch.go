package bill

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// sharedLoads is how often a fetch asks again after it has shared the load of
// somebody who may not ask KOS.
const sharedLoads = 5

// Fetch implements Source.
func (b *Bills) Fetch(ctx context.Context, w Wish) Reply {
	var said atomic.Pointer[Reply] // also by a load that goes on should ctx end
	var once sync.Once
	ask := func(ctx context.Context) Reply {
		once.Do(func() { said.Store(b.replyTo(ctx, w)) })
		return *said.Load()
	}
	known := map[string]Reply{}
	var failed error
	for _, customer := range w.Customers {
		got, err := b.fetchFor(ctx, Subscription{customer, w.Line}, w, ask)
		known[customer] = Reply{Bill: got, Err: err}
		if err != nil && !isAnswer(err) && failed == nil {
			failed = err
		}
	}
	if w.Unattributed {
		failed = errors.Join(failed, b.fetchUnattributed(ctx, ask(ctx)))
	}
	var reply Reply
	if last := said.Load(); last != nil {
		reply = *last
	}
	reply.known = known
	if failed != nil {
		reply.Err = failed
	}
	return reply
}

// replyTo asks KOS what is wished for.
func (b *Bills) replyTo(ctx context.Context, w Wish) *Reply {
	reply := b.reply(ctx, w.RequestID, w.Subject)
	if w.Class == Background {
		reply.Bill.Fetched = w.Reason
	}
	return &reply
}

// fetchFor has the cache hold what ask says to the customer of a subscription.
func (b *Bills) fetchFor(ctx context.Context, s Subscription, w Wish, ask func(context.Context) Reply) (Bill, error) {
	var asked atomic.Bool
	load := func(ctx context.Context) (Bill, error) {
		asked.Store(true)
		got, err := b.accept(ctx, s, w.Month, ask(ctx))
		return got, w.refused(err)
	}
	if w.Refresh || w.Month == TheCustomer {
		return b.renew(ctx, s, w.Month, load)
	}
	for try := 1; ; try++ {
		got, err := b.cache.Bill(ctx, s, w.Month, load)
		if asked.Load() || !errors.Is(err, ErrMustWait) || try == sharedLoads {
			return got, err
		}
	}
}

// renew replaces what is cached. What turns out to be another customer's by now
// is forgotten.
func (b *Bills) renew(ctx context.Context, s Subscription, month Month, load LoadBill) (got Bill, err error) {
	if month == TheCustomer {
		got.Customer, err = b.cache.RenewCustomer(ctx, s, func(ctx context.Context) (Customer, error) {
			got, err := load(ctx)
			return got.Customer, err
		})
	} else {
		got, err = b.cache.RenewBill(ctx, s, month, load)
	}
	if errors.Is(err, ErrLineMoved) {
		if failed := b.cache.Invalidate(ctx, s, month); failed != nil {
			b.log.WarnContext(ctx, "a line that was given to another customer is not forgotten", "error", failed)
		}
	}
	return got, err
}

// fetchUnattributed keeps a reply where replicas of the release before look for
// it: they wait for it without saying for which customer.
func (b *Bills) fetchUnattributed(ctx context.Context, reply Reply) error {
	if reply.Err != nil || reply.Bill.Month == TheCustomer {
		if isAnswer(reply.Err) {
			return nil
		}
		return reply.Err
	}
	return b.archive.KeepUnattributed(ctx, reply.Bill)
}

// Changed forgets what is known of a line that has a new plan, here, in every
// replica and in the archive. Bills of past months stay: their plan was the old
// one. An event of the release before does not name the customer: then it is
// each whose bills of the line are known. It may be repeated, and should be
// after an error.
func (b *Bills) Changed(ctx context.Context, customer string, line msisdn.Number) error {
	now := b.now()
	customers, faults := []string{customer}, []error(nil)
	if customer == "" {
		var err error
		customers, err = b.archive.Holders(ctx, line)
		faults = append(faults, err)
	}
	for _, one := range customers {
		faults = append(faults, b.cache.Invalidate(ctx, Subscription{one, line}, TheCustomer, MonthOf(now)))
	}
	return errors.Join(append(faults, b.archive.Forget(ctx, line, MonthOf(now), now))...)
}

// Heard forgets a line here that another replica was told of.
func (b *Bills) Heard(line msisdn.Number) { b.cache.Forget(line, TheCustomer, MonthOf(b.now())) }

// Listening says whether this replica hears of what others invalidate.
func (b *Bills) Listening(told bool) { b.cache.Listening(told) }
