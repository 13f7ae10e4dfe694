package bill

import (
	"context"
	"errors"
)

// Customer returns the customer of a subscription, as KOS tells it. If KOS cannot or may not be asked now, it
// is who held it when KOS last told a bill, and stale. If there is none it
// returns an error that wraps ErrUnavailable, ErrMustWait, or ctx's; else
// ErrUnknownLine, ErrSuspended or ErrLineMoved.
func (b *Bills) Customer(ctx context.Context, requestID string, sub Subscription) (holder Customer, stale bool, err error) {
	s := Subject{Line: sub.Line}
	brief, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	holder, err = b.cache.Customer(brief, sub, func(ctx context.Context) (Customer, error) {
		if err := b.pass(ctx, s); err != nil {
			return Customer{}, err
		}
		reply := b.reply(ctx, requestID, s)
		b.restAfter(ctx, s, reply.Err)
		got, err := b.accept(ctx, sub, TheCustomer, reply)
		return got.Customer, err
	})
	if err == nil || isAnswer(err) {
		return holder, false, err
	}
	if errors.Is(err, ErrMustWait) {
		b.want(ctx, Question{Subject: s, Customer: sub.Customer, RequestID: b.newID()})
	}
	current := MonthOf(b.now())
	for _, month := range []Month{current, current.minus(1)} {
		if old, found := b.lastKnown(ctx, sub, month); found {
			old.Customer.AsOf = old.AsOf
			return old.Customer, true, nil
		}
	}
	return Customer{}, true, err
}
