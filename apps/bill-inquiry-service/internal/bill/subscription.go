package bill

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

// Subscription returns whose bill of which line b is.
func (b Bill) Subscription() Subscription { return Subscription{b.Customer.ID, b.Line} }

// TheCustomer stands for the customer in a list of months of a subscription.
const TheCustomer Month = ""

// Reply is KOS's answer to a question that several customers may have asked.
type Reply struct {
	Bill   Bill
	Holder string // the id of the line's customer; "" if KOS did not say
	Err    error  // a refusal, or why there is no answer

	known map[string]Reply // what was known already, by customer
}

// For returns what a customer is answered: ErrLineMoved if the line is another
// customer's.
func (r Reply) For(customer string) (Bill, error) {
	if known, ok := r.known[customer]; ok {
		return known.Bill, known.Err
	}
	switch {
	case r.Holder != "" && r.Holder != customer:
		return Bill{}, ErrLineMoved
	case r.Holder == "" && r.Err == nil:
		return Bill{}, ErrGivenUp
	}
	return r.Bill, r.Err
}

// errNoHolder is the answer while KOS does not say whose the line is.
var errNoHolder = ErrResting.WithCause(errors.Join(ErrUnavailable, errors.New("bill: the line's customer is not known")))

// reply asks KOS, the right to which has been taken. Refusals other than that
// the line is unknown are told to its customer only, whom KOS is asked for: they
// do not say whose the line is.
func (b *Bills) reply(ctx context.Context, requestID string, s Subject) Reply {
	got, err := b.question(ctx, requestID, s)
	if errors.Is(err, ErrSuspended) || errors.Is(err, ErrNoBill) {
		holder, unknown := b.holder(ctx, requestID, s.Line)
		if unknown != nil {
			return Reply{Err: unknown}
		}
		return Reply{Holder: holder, Err: err}
	}
	if err == nil && got.Customer.ID == "" {
		err = errNoHolder
	}
	if err != nil {
		return Reply{Err: err}
	}
	return Reply{Bill: got, Holder: got.Customer.ID}
}

// question brings KOS the question for a bill, or for the customer of a line.
func (b *Bills) question(ctx context.Context, requestID string, s Subject) (Bill, error) {
	if s.Month != TheCustomer {
		return b.carrier.Bill(ctx, requestID, s.Line, s.Month)
	}
	customer, err := b.carrier.Customer(ctx, requestID, s.Line)
	return Bill{Line: s.Line, Customer: customer, AsOf: customer.AsOf}, err
}

// holder returns the customer of a line, ErrUnknownLine, or an error that wraps
// ErrUnavailable.
func (b *Bills) holder(ctx context.Context, requestID string, line msisdn.Number) (string, error) {
	s := Subject{Line: line}
	if err := b.pass(ctx, s); errors.Is(err, ErrMustWait) {
		return "", errNoHolder
	} else if err != nil {
		return "", err
	}
	customer, err := b.carrier.Customer(ctx, requestID, line)
	b.restAfter(ctx, s, err)
	switch {
	case errors.Is(err, ErrSuspended), errors.Is(err, ErrMustWait), err == nil && customer.ID == "":
		return "", errNoHolder
	case err != nil:
		return "", err
	}
	return customer.ID, nil
}

// accept returns what a reply is to the customer of a subscription, and keeps it
// if it is that customer's.
func (b *Bills) accept(ctx context.Context, s Subscription, month Month, reply Reply) (Bill, error) {
	got, err := reply.For(s.Customer)
	if errors.Is(err, ErrLineMoved) {
		b.moved(ctx, s, month)
	}
	if isAnswer(err) && month != TheCustomer {
		// KOS is asked for a final bill only if what is kept is outdated: it stays.
		if kept, missing := b.archive.Find(ctx, s, month); missing == nil && kept.Final {
			return kept, nil
		}
	}
	if err != nil || month == TheCustomer {
		return got, err
	}
	if err := b.archive.Keep(ctx, got); err != nil {
		b.log.WarnContext(ctx, "bill not archived", "error", err)
	}
	return got, nil
}

// moved notes that KOS has given a line to another customer, and forgets what is
// cached of the subscription and may still change, except the month that is
// being loaded. Final bills stay their customer's.
func (b *Bills) moved(ctx context.Context, s Subscription, loading Month) {
	first, err := b.archive.Moved(ctx, s, b.now())
	if err == nil && !first {
		return
	}
	var others []Month
	for _, month := range b.open() {
		if month != loading {
			others = append(others, month)
		}
	}
	if err := errors.Join(err, b.cache.Invalidate(ctx, s, others...)); err != nil {
		b.log.WarnContext(ctx, "a line that was given to another customer is not forgotten", "error", err)
	}
}

// open returns the months of which the bill may still change, and TheCustomer.
func (b *Bills) open() []Month {
	current := MonthOf(b.now())
	return []Month{TheCustomer, current, current.minus(1)}
}

// MovedElsewhere forgets on this replica what another one found to be given to
// another customer.
func (b *Bills) MovedElsewhere(s Subscription) { b.cache.ForgetSubscription(s, b.open()...) }
