package bill

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Reader finds bills and customers in the caches and the archive. It never calls KOS.
type Reader struct {
	cache   Cache
	archive Archive
	// stale holds stale bills that were just served: their refresh is queued, or KOS is
	// not called. Repeated inquiries for them read neither the caches nor the archive.
	stale *memo[Bill]
	// answers holds the latest answers of KOS to this process. A store may not have
	// them: it may be down, or have a tombstone.
	answers *memo[answer]
	now     func() time.Time
	log     *slog.Logger
}

// NewReader returns a reader.
func NewReader(cache Cache, archive Archive, now func() time.Time, log *slog.Logger) *Reader {
	return &Reader{
		cache: cache, archive: archive, stale: newMemo[Bill](now), answers: newMemo[answer](now), now: now, log: log,
	}
}

// archiveTimeout bounds a read of the archive, which usually takes milliseconds.
const archiveTimeout = time.Second

// Query selects a bill, or the customer, of a subscription.
type Query struct {
	Subscription

	Month Month
	// Since makes any answer fresh that KOS gave after that time. Zero: no such time.
	Since time.Time
}

func (q Query) subject() Subject { return Subject{q.Line, q.Month} }

// Found is a bill that a Reader has found.
type Found struct {
	Bill Bill // may be stale
	// Refreshing is true if a refresh of the stale bill was just tried.
	Refreshing bool
}

// ErrMiss is returned if neither the caches nor the archive have a value.
var ErrMiss = errors.New("bill: not in the caches or the archive")

// Bill returns a bill from the caches or the archive. It returns a cached refusal of
// KOS, or ErrMiss.
func (r *Reader) Bill(ctx context.Context, q Query) (Found, error) {
	if q.Since.IsZero() {
		if old, found := r.stale.get(q); found {
			return Found{Bill: old, Refreshing: true}, nil
		}
	}
	got, err := r.cache.Bill(ctx, q.Subscription, q.Month, func(ctx context.Context) (Bill, error) {
		return r.load(ctx, q)
	})
	if err == nil || isRefusal(err) {
		return Found{Bill: got}, err
	}
	// The load may have been that of a query with another Since.
	if recent, found := r.answers.get(q); found && !q.Since.IsZero() {
		return Found{Bill: recent.bill}, recent.err
	}
	older, found := errors.AsType[*olderCopy](err)
	if !found {
		return Found{}, ErrMiss
	}
	archived := older.Bill // a copy: all callers of the load share its error
	archived.Stale = archived.Outdated || q.Since.IsZero() || !archived.AsOf.After(q.Since)
	return Found{Bill: archived}, nil
}

// olderCopy is the error of a load that found a bill in the archive which must not be
// cached, because KOS may have a newer one.
type olderCopy struct{ Bill }

// Error implements error.
func (*olderCopy) Error() string { return "bill: an older copy" }

// load returns what the caches may keep: the answer of KOS since q.Since, or the archived
// bill if KOS never has to be called for it again or gave it since q.Since. It returns an
// olderCopy for another archived bill, ErrNotArchived, or a fault of the archive.
func (r *Reader) load(ctx context.Context, q Query) (Bill, error) {
	if !q.Since.IsZero() {
		if recent, found := r.answers.get(q); found {
			return recent.bill, recent.err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, archiveTimeout)
	defer cancel()
	archived, err := r.archive.Find(ctx, q.Subscription, q.Month)
	switch {
	case err != nil:
		if !errors.Is(err, ErrNotArchived) {
			r.log.WarnContext(ctx, "archive read failed", "error", err)
		}
		return Bill{}, err
	case archived.Definitive(), !archived.Outdated && !q.Since.IsZero() && archived.AsOf.After(q.Since):
		return archived, nil
	}
	return Bill{}, &olderCopy{archived}
}

// NoteRefresh records that a refresh of an old bill was tried and is still queued, or
// not possible. For memoTTL, Bill returns the old one without reading the caches or the
// archive.
func (r *Reader) NoteRefresh(q Query, old Bill) { r.stale.set(q, old) }

// noteAnswer records the latest answer of KOS for a customer.
func (r *Reader) noteAnswer(q Query, a answer) {
	r.stale.evict(q.Line)
	if a.err == nil || isRefusal(a.err) {
		r.answers.set(q, a)
	}
}

// fresh returns the latest answer of KOS for a customer, if it is fresh.
func (r *Reader) fresh(ctx context.Context, q Query) (answer, bool) {
	if recent, found := r.answers.get(q); found {
		return recent, true
	}
	if q.Month == TheCustomer {
		got, err := r.Customer(ctx, q.Subscription)
		return answer{Bill{Line: q.Line, Customer: got, AsOf: got.AsOf}, err}, err == nil || isRefusal(err)
	}
	found, err := r.Bill(ctx, q)
	return answer{found.Bill, err}, isRefusal(err) || err == nil && !found.Bill.Stale
}

// evict removes all that the reader itself holds of a line.
func (r *Reader) evict(line msisdn.Number) {
	r.stale.evict(line)
	r.answers.evict(line)
}

// Customer returns the customer of a subscription from the caches. It returns a cached
// refusal of KOS, or ErrMiss.
func (r *Reader) Customer(ctx context.Context, s Subscription) (Customer, error) {
	got, err := r.cache.Customer(ctx, s, func(context.Context) (Customer, error) {
		if recent, found := r.answers.get(Query{Subscription: s, Month: TheCustomer}); found {
			return recent.bill.Customer, recent.err
		}
		return Customer{}, ErrMiss
	})
	if err != nil && !isRefusal(err) {
		return Customer{}, ErrMiss
	}
	return got, err
}

// LastCustomer returns the customer of the newest archived open bill of a
// subscription, or ErrMiss.
func (r *Reader) LastCustomer(ctx context.Context, s Subscription) (Customer, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), archiveTimeout)
	defer cancel()
	current := MonthOf(r.now())
	for _, month := range []Month{current, current.minus(1)} {
		if archived, err := r.archive.Find(ctx, s, month); err == nil {
			archived.Customer.AsOf = archived.AsOf
			return archived.Customer, nil
		}
	}
	return Customer{}, ErrMiss
}
