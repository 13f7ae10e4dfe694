package bill

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Fetcher asks KOS what is queued and keeps the answers.
type Fetcher struct {
	cache     Cache
	archive   Archive
	reader    *Reader
	carrier   Carrier
	admission Admission
	now       func() time.Time
	log       *slog.Logger
}

// Admission gives the right to call an endpoint of KOS.
type Admission interface {
	// Admit takes one call from KOS's limit, if there is one to be had now.
	Admit(ctx context.Context, endpoint Endpoint) (bool, error)
}

// FetcherParams are what a Fetcher needs.
type FetcherParams struct {
	Cache     Cache
	Archive   Archive
	Reader    *Reader
	Carrier   Carrier
	Admission Admission
	Now       func() time.Time
	Log       *slog.Logger
}

// NewFetcher returns a fetcher.
func NewFetcher(p FetcherParams) *Fetcher {
	return &Fetcher{
		cache: p.Cache, archive: p.Archive, reader: p.Reader, carrier: p.Carrier, admission: p.Admission, now: p.Now, log: p.Log,
	}
}

// Fetch asks KOS once, the right to which has been taken, and keeps the answer for
// those customers whose line it is.
func (f *Fetcher) Fetch(ctx context.Context, q Fetch) Reply {
	var said atomic.Pointer[Reply] // also by a load that goes on should ctx end
	var once sync.Once
	ask := func(ctx context.Context) Reply {
		once.Do(func() {
			reply := f.reply(ctx, q.RequestID, q.Subject)
			if q.Background {
				reply.Bill.Fetched = q.Reason
			}
			said.Store(&reply)
		})
		return *said.Load()
	}
	answers := map[string]answer{}
	for _, customer := range q.Customers {
		got, err := f.keepFor(ctx, Subscription{customer, q.Line}, q, ask)
		answers[customer] = answer{got, err}
		f.reader.answered(Query{Subscription: Subscription{customer, q.Line}, Month: q.Month}, answers[customer])
	}
	reply := ask(ctx)
	reply.answers = answers
	if q.Unattributed && reply.Err == nil && q.Month != TheCustomer {
		reply.Err = f.archive.KeepUnattributed(ctx, reply.Bill)
	}
	return reply
}

// keepFor has the caches hold what ask returns for a customer, and returns that
// customer's answer.
func (f *Fetcher) keepFor(ctx context.Context, s Subscription, q Fetch, ask func(context.Context) Reply) (got Bill, err error) {
	load := func(ctx context.Context) (Bill, error) {
		got, err := f.accept(ctx, s, q.Month, ask(ctx))
		if q.Background && isAnswer(err) {
			err = fmt.Errorf("%w: %w", ErrUnasked, err)
		}
		return got, err
	}
	if q.Month == TheCustomer {
		got.Customer, err = f.cache.RenewCustomer(ctx, s, func(ctx context.Context) (Customer, error) {
			got, err := load(ctx)
			return got.Customer, err
		})
	} else {
		got, err = f.cache.RenewBill(ctx, s, q.Month, load)
	}
	if errors.Is(err, ErrLineMoved) && errors.Is(err, ErrUnasked) { // the refusal took no place of what is cached
		if failed := f.cache.Invalidate(ctx, s, q.Month); failed != nil {
			f.log.WarnContext(ctx, "line of another customer not invalidated", "error", failed)
		}
	}
	return got, err
}

// accept returns what a reply is to the customer of a subscription, and keeps it
// if it is that customer's.
func (f *Fetcher) accept(ctx context.Context, s Subscription, month Month, reply Reply) (Bill, error) {
	got, err := reply.For(s.Customer)
	if errors.Is(err, ErrLineMoved) {
		f.moved(ctx, s, month)
	}
	if isAnswer(err) && month != TheCustomer {
		// KOS is asked for a final bill only if the kept one is outdated: it stays.
		if kept, missing := f.archive.Find(ctx, s, month); missing == nil && kept.Final {
			return kept, nil
		}
	}
	if err != nil || month == TheCustomer {
		return got, err
	}
	if err := f.archive.Keep(ctx, got); err != nil {
		f.log.WarnContext(ctx, "bill not archived", "error", err)
	}
	return got, nil
}

// moved notes that KOS has given a line to another customer, and invalidates what is
// cached of the subscription and may still change, except the month that is
// being loaded. Final bills stay their customer's.
func (f *Fetcher) moved(ctx context.Context, s Subscription, loading Month) {
	first, err := f.archive.Moved(ctx, s, f.now())
	if err == nil && !first {
		return
	}
	var others []Month
	for _, month := range open(f.now()) {
		if month != loading {
			others = append(others, month)
		}
	}
	if err := errors.Join(err, f.cache.Invalidate(ctx, s, others...)); err != nil {
		f.log.WarnContext(ctx, "line of another customer not invalidated", "error", err)
	}
}

// reply asks KOS. A refusal other than that the line is unknown does not say whose the
// line is: KOS is asked for that too, since only its customer may know.
func (f *Fetcher) reply(ctx context.Context, requestID string, s Subject) Reply {
	got, err := f.question(ctx, requestID, s)
	if errors.Is(err, ErrSuspended) || errors.Is(err, ErrNoBill) {
		holder, unknown := f.holder(ctx, requestID, s.Line)
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

// question asks KOS for a bill, or for the customer of a line.
func (f *Fetcher) question(ctx context.Context, requestID string, s Subject) (Bill, error) {
	if s.Month != TheCustomer {
		return f.carrier.Bill(ctx, requestID, s.Line, s.Month)
	}
	customer, err := f.carrier.Customer(ctx, requestID, s.Line)
	return Bill{Line: s.Line, Customer: customer, AsOf: customer.AsOf}, err
}

// errNoHolder is the answer while KOS does not say whose the line is.
var errNoHolder = ErrResting.WithCause(errors.Join(ErrUnavailable, errors.New("bill: the line's customer is not known")))

// holder returns the id of the customer of a line, ErrUnknownLine, or an error that
// wraps ErrUnavailable.
func (f *Fetcher) holder(ctx context.Context, requestID string, line msisdn.Number) (string, error) {
	admitted, err := f.admission.Admit(ctx, ProductInquiry)
	if err != nil {
		return "", ErrDatabase.WithCause(errors.Join(ErrUnavailable, err))
	}
	if !admitted {
		return "", errNoHolder
	}
	customer, err := f.carrier.Customer(ctx, requestID, line)
	switch {
	case errors.Is(err, ErrSuspended), errors.Is(err, ErrMustWait), err == nil && customer.ID == "":
		return "", errNoHolder
	case err != nil:
		return "", err
	}
	return customer.ID, nil
}
