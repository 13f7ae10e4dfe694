package product

import (
	"context"
	"errors"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Subscription is a phone line as one customer holds it. A number that the
// carrier gives to another customer is another subscription from then on:
// nothing that is kept of one is shown of the other.
type Subscription struct {
	Customer string // the customer's id
	Line     msisdn.Number
}

// Check returns ErrLineMoved if KOS says that the line is another customer's,
// and an error that wraps ErrUnavailable if it does not say whose it is.
func (s Subscription) Check(said Subscriber) error {
	switch said.CustomerID {
	case "":
		return errNoHolder
	case s.Customer:
		return nil
	}
	return ErrLineMoved
}

// moved forgets what is kept of a subscription that has ended, given what the
// archive has of the line: that may be the new customer's, and stays then.
func (p *Plans) moved(ctx context.Context, s Subscription, kept Subscriber) {
	if kept.CustomerID != s.Customer {
		return
	}
	if err := p.Replicas.Tell(ctx, s.Line); err != nil {
		p.Log.WarnContext(ctx, "a line that was given to another customer is not forgotten", "error", err)
	}
}

// ahead is ask in the background, while the answer before still serves: should
// the line be another customer's by now, that is forgotten.
func (p *Plans) ahead(ctx context.Context, s Subscription) (Subscriber, error) {
	got, err := p.ask(ctx, p.Spare, s)
	return got, p.dropMoved(ctx, s, err)
}

// dropMoved forgets what is cached of a subscription that has ended by what err
// says. It returns err.
func (p *Plans) dropMoved(ctx context.Context, s Subscription, err error) error {
	if errors.Is(err, ErrLineMoved) {
		if failed := p.Cache.Invalidate(ctx, s); failed != nil {
			p.Log.WarnContext(ctx, "a line that was given to another customer is not forgotten", "error", failed)
		}
	}
	return err
}
