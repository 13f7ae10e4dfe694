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

// Fetcher calls KOS for queued fetches and stores the answers.
type Fetcher struct {
	cache     Cache
	archive   Archive
	reader    *Reader
	carrier   Carrier
	admission Admission
	now       func() time.Time
	log       *slog.Logger
}

// Admission admits calls of KOS that are not queued.
type Admission interface {
	// Admit takes one call from the budget of Carrier.Customer. It returns false if the
	// budget has none now.
	Admit(ctx context.Context) (bool, error)
}

// FetcherParams are the dependencies of a Fetcher.
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

// Fetch calls KOS once and stores the answer for each of the customers whose line it
// is. The call must have been admitted.
func (f *Fetcher) Fetch(ctx context.Context, q Fetch) Reply {
	if reply, found := f.recent(ctx, q); found {
		return reply
	}
	since := f.reader.Mark()
	var result atomic.Pointer[Reply] // a load may go on after ctx has ended
	var once sync.Once
	call := func(ctx context.Context) Reply {
		once.Do(func() {
			reply := f.reply(ctx, q.RequestID, q.Subject)
			if q.Background {
				reply.Bill.Fetched = q.Reason
			}
			result.Store(&reply)
		})
		return *result.Load()
	}
	answers := map[string]answer{}
	for _, customer := range q.Customers {
		got, err := f.cacheFor(ctx, Subscription{customer, q.Line}, q, call)
		answers[customer] = answer{Value: got, Err: err}
		if err == nil || !q.Background {
			f.reader.NoteAnswer(q.query(customer), since, answers[customer])
		}
	}
	reply := call(ctx)
	reply.answers = answers
	return reply
}

// query returns the query of a customer for the fetched bill.
func (q *Fetch) query(customer string) Query {
	return Query{Subscription: Subscription{customer, q.Line}, Month: q.Month}
}

// recent returns the reply that KOS gave all customers of an interactive fetch, if it is
// still fresh: the fetch was enqueued just after the one that it would have joined had
// ended. On a busy machine enqueueing may take seconds.
func (f *Fetcher) recent(ctx context.Context, q Fetch) (Reply, bool) {
	if q.Background {
		return Reply{}, false
	}
	answers := map[string]answer{}
	for _, customer := range q.Customers {
		known, found := f.reader.Recent(ctx, q.query(customer))
		if !found {
			return Reply{}, false
		}
		answers[customer] = known
	}
	return Reply{answers: answers}, len(answers) > 0
}

// cacheFor refreshes the cached copy of a subscription with the reply that call
// returns, and returns the answer for its customer.
func (f *Fetcher) cacheFor(ctx context.Context, s Subscription, q Fetch, call func(context.Context) Reply) (got Bill, err error) {
	got, err = f.cache.RefreshBill(ctx, s, q.Month, func(ctx context.Context) (Bill, error) {
		got, err := f.accept(ctx, s, q.Month, call(ctx))
		if q.Background && isRefusal(err) {
			err = fmt.Errorf("%w: %w", ErrUncacheable, err)
		}
		return got, err
	})
	if errors.Is(err, ErrLineMoved) && errors.Is(err, ErrUncacheable) { // the refusal has not replaced the cached copy
		if fault := f.cache.Invalidate(ctx, s, q.Month); fault != nil {
			f.log.WarnContext(ctx, "invalidation of moved line failed", "error", fault)
		}
	}
	return got, err
}

// accept returns the reply as the answer for the customer of a subscription, and
// archives a bill that is that customer's.
func (f *Fetcher) accept(ctx context.Context, s Subscription, month Month, reply Reply) (Bill, error) {
	got, err := reply.For(s.Customer)
	if errors.Is(err, ErrLineMoved) {
		f.recordMove(ctx, s, month)
	}
	if isRefusal(err) {
		// KOS is called for an archived final bill only if that is outdated: it stays.
		if archived, missing := f.archive.Find(ctx, s, month); missing == nil && archived.Final {
			return archived, nil
		}
	}
	if err != nil {
		return got, err
	}
	if err := f.archive.Store(ctx, got); err != nil {
		f.log.WarnContext(ctx, "bill archiving failed", "error", err)
	}
	return got, nil
}

// recordMove records that KOS has given a line to another customer, and invalidates
// the cached open bills of the subscription, except the month that is being loaded.
// Final bills stay with their customer.
func (f *Fetcher) recordMove(ctx context.Context, s Subscription, loading Month) {
	first, err := f.archive.RecordMove(ctx, s, f.now())
	if err == nil && !first {
		return
	}
	var others []Month
	for _, month := range openMonths(f.now()) {
		if month != loading {
			others = append(others, month)
		}
	}
	if err := errors.Join(err, f.cache.Invalidate(ctx, s, others...)); err != nil {
		f.log.WarnContext(ctx, "invalidation of moved line failed", "error", err)
	}
}

// reply calls KOS for a bill. The refusals ErrSuspended and ErrNoBill do not name the
// customer of the line: reply then calls KOS for that too, because only the customer of
// the line may see the refusal.
func (f *Fetcher) reply(ctx context.Context, requestID string, s Subject) Reply {
	start := f.now()
	got, err := f.carrier.Bill(ctx, requestID, s.Line, s.Month)
	if errors.Is(err, ErrSuspended) || errors.Is(err, ErrNoBill) {
		customer, fault := f.customer(ctx, requestID, s.Line)
		if fault != nil {
			return Reply{Err: fault}
		}
		return Reply{Bill: Bill{Line: s.Line, Month: s.Month, Customer: customer, AsOf: start}, CustomerID: customer.ID, Err: err}
	}
	if err == nil && got.Customer.ID == "" {
		err = errCustomerUnknown
	}
	if err != nil {
		return Reply{Err: err}
	}
	return Reply{Bill: got, CustomerID: got.Customer.ID}
}

// errCustomerUnknown is returned if KOS did not name the customer of a line.
var errCustomerUnknown = ErrOutage.WithCause(errors.Join(ErrUnavailable, errors.New("bill: customer of the line not known")))

// customer returns the customer of a line. It returns ErrUnknownLine or an error that wraps
// ErrUnavailable.
func (f *Fetcher) customer(ctx context.Context, requestID string, line msisdn.Number) (Customer, error) {
	admitted, err := f.admission.Admit(ctx)
	if err != nil {
		return Customer{}, ErrDatabase.WithCause(errors.Join(ErrUnavailable, err))
	}
	if !admitted {
		return Customer{}, errCustomerUnknown
	}
	customer, err := f.carrier.Customer(ctx, requestID, line)
	switch {
	case errors.Is(err, ErrSuspended), errors.Is(err, ErrThrottled), err == nil && customer.ID == "":
		return Customer{}, errCustomerUnknown
	case err != nil:
		return Customer{}, err
	}
	return customer, nil
}
