package bill

import (
	"context"
	"errors"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Customer returns who holds a line. If KOS cannot or may not be asked now, it
// is who held it when KOS last told a bill, and stale. If there is none it
// returns an error that wraps ErrUnavailable, ErrMustWait, or ctx's; else
// ErrUnknownLine or ErrSuspended.
func (b *Bills) Customer(ctx context.Context, requestID string, line msisdn.Number) (holder Customer, stale bool, err error) {
	s := Subject{Line: line}
	brief, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	holder, err = b.cache.Customer(brief, line, func(ctx context.Context) (Customer, error) {
		if err := b.pass(ctx, s); err != nil {
			return Customer{}, err
		}
		got, err := b.carrier.Customer(ctx, requestID, line)
		b.restAfter(ctx, s, err)
		return got, err
	})
	if err == nil || isAnswer(err) {
		return holder, false, err
	}
	if errors.Is(err, ErrMustWait) {
		b.want(ctx, Question{Subject: s, RequestID: b.newID()})
	}
	current := MonthOf(b.now())
	for _, month := range []Month{current, current.minus(1)} {
		if old, found := b.lastKnown(ctx, Subject{line, month}); found {
			old.Customer.AsOf = old.AsOf
			return old.Customer, true, nil
		}
	}
	return Customer{}, true, err
}
