package product

import (
	"context"
	"errors"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Subscription is a phone line as held by one customer. When KOS gives the number to
// another customer, that is another subscription: copies of one are never shown for the
// other.
type Subscription struct {
	Customer string // customer id
	Line     msisdn.Number
}

// Check returns nil if found is held by the subscription's customer, ErrLineMoved if
// another customer holds it, and an error that wraps ErrUnavailable if KOS names none.
func (s Subscription) Check(found Subscriber) error {
	switch found.CustomerID {
	case "":
		return errNoHolder
	case s.Customer:
		return nil
	}
	return ErrLineMoved
}

// invalidateArchive invalidates the archived copy of a subscription that has ended. If
// the copy is the new customer's, it stays.
func (p *Plans) invalidateArchive(ctx context.Context, s Subscription, archived Subscriber) {
	if archived.CustomerID != s.Customer {
		return
	}
	if err := p.Replicas.Invalidate(ctx, s.Line); err != nil {
		p.Log.WarnContext(ctx, "archived copy of a moved line not invalidated", "error", err)
	}
}

// refresh loads a subscriber with the budget of background work. If the line is another
// customer's by now, it invalidates the cached copies.
func (p *Plans) refresh(ctx context.Context, s Subscription) (Subscriber, error) {
	got, err := p.load(ctx, p.Background, s)
	return got, p.invalidateIfMoved(ctx, s, err)
}

// invalidateIfMoved invalidates the cached copies of a subscription if err is
// ErrLineMoved. It returns err.
func (p *Plans) invalidateIfMoved(ctx context.Context, s Subscription, err error) error {
	if errors.Is(err, ErrLineMoved) {
		if failed := p.Cache.Invalidate(ctx, s); failed != nil {
			p.Log.WarnContext(ctx, "cached copy of a moved line not invalidated", "error", failed)
		}
	}
	return err
}
