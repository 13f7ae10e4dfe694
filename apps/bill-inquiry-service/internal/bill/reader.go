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
	// stale are the stale bills of which a newer one was asked for a moment ago. A line
	// that is asked about often then costs neither store a read.
	stale *memo[Bill]
	// answers are those that KOS has given this process a moment ago. No store need have
	// taken them: one may be away, or have a tombstone.
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

const (
	// freshFor is how old a bill of the archive may be that is not stale: as old as what
	// a process keeps in its first level.
	freshFor = 5 * time.Minute
	// archiveTimeout bounds a read of the archive, which takes milliseconds.
	archiveTimeout = time.Second
)

// Query is what a Reader is asked for.
type Query struct {
	Subscription

	Month Month
	// Since makes any answer fresh that KOS gave after that time. Zero is none.
	Since time.Time
}

func (q Query) subject() Subject { return Subject{q.Line, q.Month} }

// Known is what a Reader has found.
type Known struct {
	Bill Bill // stale or not
	// Refreshing says that KOS was asked for a newer one a moment ago.
	Refreshing bool
}

// ErrNotKnown is returned for what only KOS knows.
var ErrNotKnown = errors.New("bill: not known")

// Bill returns a bill. It returns KOS's refusal if that was given a moment ago, or
// ErrNotKnown.
func (r *Reader) Bill(ctx context.Context, q Query) (Known, error) {
	if q.Since.IsZero() {
		if old, found := r.stale.find(q); found {
			return Known{Bill: old, Refreshing: true}, nil
		}
	} else if recent, found := r.answers.find(q); found {
		return Known{Bill: recent.bill}, recent.err
	}
	got, err := r.cache.Bill(ctx, q.Subscription, q.Month, func(ctx context.Context) (Bill, error) {
		return r.definitive(ctx, q)
	})
	older, found := errors.AsType[*olderCopy](err)
	switch {
	case err == nil, isAnswer(err):
		return Known{Bill: got}, err
	case !found:
		return Known{}, ErrNotKnown
	}
	older.Stale = !r.fresh(older.Bill, q)
	return Known{Bill: older.Bill}, nil
}

// olderCopy is the error of a load that has found a bill which must not be cached: it
// is not as new as it may be.
type olderCopy struct{ Bill }

// Error implements error.
func (*olderCopy) Error() string { return "bill: an older copy" }

// definitive returns the bill that the archive has if KOS never has to be asked for it
// again, an olderCopy, ErrNotKept, or a fault.
func (r *Reader) definitive(ctx context.Context, q Query) (Bill, error) {
	ctx, cancel := context.WithTimeout(ctx, archiveTimeout)
	defer cancel()
	kept, err := r.archive.Find(ctx, q.Subscription, q.Month)
	switch {
	case err != nil:
		if !errors.Is(err, ErrNotKept) {
			r.log.WarnContext(ctx, "archive not read", "error", err)
		}
		return Bill{}, err
	case kept.Definitive():
		return kept, nil
	}
	return Bill{}, &olderCopy{kept}
}

func (r *Reader) fresh(b Bill, q Query) bool {
	if b.Outdated {
		return false
	}
	return !q.Since.IsZero() && b.AsOf.After(q.Since) || r.now().Sub(b.AsOf) <= freshFor
}

// Refreshing notes that KOS is asked for a newer bill than an old one. For a moment
// the old one is returned without a look into the caches.
func (r *Reader) Refreshing(q Query, old Bill) { r.stale.keep(q, old) }

// answered notes what KOS has just answered a customer.
func (r *Reader) answered(q Query, a answer) {
	r.stale.forget(q.Line)
	if a.err == nil || isAnswer(a.err) {
		r.answers.keep(q, a)
	}
}

// forget forgets what is kept here of a line.
func (r *Reader) forget(line msisdn.Number) {
	r.stale.forget(line)
	r.answers.forget(line)
}

// Customer returns the customer of a subscription, KOS's refusal, or ErrNotKnown.
func (r *Reader) Customer(ctx context.Context, s Subscription) (Customer, error) {
	if recent, found := r.answers.find(Query{Subscription: s, Month: TheCustomer}); found {
		return recent.bill.Customer, recent.err
	}
	got, err := r.cache.Customer(ctx, s, func(context.Context) (Customer, error) { return Customer{}, ErrNotKnown })
	if err != nil && !isAnswer(err) {
		return Customer{}, ErrNotKnown
	}
	return got, err
}

// LastCustomer returns the customer as KOS named it in the newest bill that is kept of
// a subscription, or ErrNotKnown.
func (r *Reader) LastCustomer(ctx context.Context, s Subscription) (Customer, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), archiveTimeout)
	defer cancel()
	current := MonthOf(r.now())
	for _, month := range []Month{current, current.minus(1)} {
		if kept, err := r.archive.Find(ctx, s, month); err == nil {
			kept.Customer.AsOf = kept.AsOf
			return kept.Customer, nil
		}
	}
	return Customer{}, ErrNotKnown
}
