package bill

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Carrier is KOS. Its methods return ErrUnknownLine, ErrSuspended or ErrNoBill
// as KOS decides, and errors that wrap ErrUnavailable when KOS did not answer.
type Carrier interface {
	Bill(ctx context.Context, requestID string, line msisdn.Number, month Month) (Bill, error)
	Customer(ctx context.Context, requestID string, line msisdn.Number) (Customer, error)
}

// Cache keeps bills and customers for a while. Callers that miss the same
// thing at the same time share one load, which goes on when they leave; they
// then get their context's error.
type Cache interface {
	Invalidation

	Bill(ctx context.Context, line msisdn.Number, month Month, load func(context.Context) (Bill, error)) (Bill, error)
	Customer(ctx context.Context, line msisdn.Number, load func(context.Context) (Customer, error)) (Customer, error)
}

// Invalidation makes a Cache forget a line: its bills of some months and its
// customer.
type Invalidation interface {
	// Invalidate forgets them here and in what the replicas share, so that no
	// load that began earlier brings them back.
	Invalidate(ctx context.Context, line msisdn.Number, months ...Month) error
	// Forget forgets them here only.
	Forget(line msisdn.Number, months ...Month)
	// Listening says whether this replica is told what others invalidate. While
	// it is not, it must keep nothing to itself.
	Listening(told bool)
}

// Archive keeps the newest bill that KOS told of each line and month.
type Archive interface {
	// Find returns a bill or ErrNotKept.
	Find(ctx context.Context, line msisdn.Number, month Month) (Bill, error)
	// Keep stores a bill unless a newer or a final one is there.
	Keep(ctx context.Context, b Bill) error
	// Forget drops a bill that is not final, keeps out those asked for before
	// at, and tells every replica, this one included, that the line changed.
	Forget(ctx context.Context, line msisdn.Number, month Month, at time.Time) error
}

// Bills answers where a bill comes from: the cache, the archive if the month
// is final, KOS; and, when KOS is away, whatever KOS said last.
type Bills struct {
	cache   Cache
	archive Archive
	carrier Carrier
	now     func() time.Time
	log     *slog.Logger
}

// NewBills returns the source of bills.
func NewBills(cache Cache, archive Archive, carrier Carrier, now func() time.Time, log *slog.Logger) *Bills {
	return &Bills{cache: cache, archive: archive, carrier: carrier, now: now, log: log}
}

// Get returns a bill. It returns ErrUnknownLine, ErrSuspended or ErrNoBill, an
// error that wraps ErrUnavailable if KOS is away and never told this bill, or
// ctx's error if it took too long; the work then goes on.
func (b *Bills) Get(ctx context.Context, requestID string, line msisdn.Number, month Month) (Bill, error) {
	got, err := b.cache.Bill(ctx, line, month, func(ctx context.Context) (Bill, error) {
		return b.fetch(ctx, requestID, line, month)
	})
	if !errors.Is(err, ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
		return got, err
	}
	if old, found := b.lastKnown(ctx, line, month); found {
		return old, nil
	}
	return Bill{}, err
}

// fetch asks the archive for a final bill, then KOS.
func (b *Bills) fetch(ctx context.Context, requestID string, line msisdn.Number, month Month) (Bill, error) {
	kept, err := b.archive.Find(ctx, line, month)
	if err == nil && kept.Final {
		return kept, nil
	}
	if err != nil && !errors.Is(err, ErrNotKept) {
		b.log.WarnContext(ctx, "archive cannot be read, asking KOS", "error", err)
	}
	fresh, err := b.carrier.Bill(ctx, requestID, line, month)
	if err != nil {
		return Bill{}, err
	}
	if err := b.archive.Keep(ctx, fresh); err != nil {
		b.log.WarnContext(ctx, "bill not archived", "error", err)
	}
	return fresh, nil
}

// archiveWait bounds the search for an older answer: its caller has waited for
// KOS already.
const archiveWait = 300 * time.Millisecond

// lastKnown returns what KOS said last, marked stale unless it is final.
func (b *Bills) lastKnown(ctx context.Context, line msisdn.Number, month Month) (Bill, bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), archiveWait)
	defer cancel()
	old, err := b.archive.Find(ctx, line, month)
	if err != nil {
		return Bill{}, false
	}
	old.Stale = !old.Final
	return old, true
}

// Customer returns who holds a line.
func (b *Bills) Customer(ctx context.Context, requestID string, line msisdn.Number) (Customer, error) {
	return b.cache.Customer(ctx, line, func(ctx context.Context) (Customer, error) {
		return b.carrier.Customer(ctx, requestID, line)
	})
}

// Changed forgets what is known of a line that has a new plan, here, in every
// replica and in the archive. Bills of past months stay: their plan was the old
// one. It may be repeated, and should be after an error.
func (b *Bills) Changed(ctx context.Context, line msisdn.Number) error {
	now := b.now()
	return errors.Join(
		b.cache.Invalidate(ctx, line, MonthOf(now)),
		b.archive.Forget(ctx, line, MonthOf(now), now),
	)
}

// Heard forgets a line here that another replica was told of.
func (b *Bills) Heard(line msisdn.Number) { b.cache.Forget(line, MonthOf(b.now())) }

// Listening says whether this replica hears of what others invalidate.
func (b *Bills) Listening(told bool) { b.cache.Listening(told) }
