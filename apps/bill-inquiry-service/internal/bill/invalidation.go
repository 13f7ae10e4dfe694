package bill

import (
	"context"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Invalidator invalidates the copies of lines that have a new plan or a new customer.
type Invalidator struct {
	cache   Invalidation
	archive Archive
	reader  *Reader
	now     func() time.Time
}

// NewInvalidator returns an invalidator of a cache, an archive and a reader.
func NewInvalidator(cache Cache, archive Archive, reader *Reader, now func() time.Time) *Invalidator {
	return &Invalidator{cache: cache, archive: archive, reader: reader, now: now}
}

// Changed invalidates the open bill of a line that has a new plan, in the caches of all
// replicas and in the archive. Bills of past months stay valid: the
// former plan applied to them. An event of the release before does not name the
// customer: Changed then invalidates for all customers with archived bills of the
// line. It is idempotent; the caller repeats it after an error.
func (i *Invalidator) Changed(ctx context.Context, customer string, line msisdn.Number) error {
	now := i.now()
	evict(i.reader, line)
	customers, faults := []string{customer}, []error(nil)
	if customer == "" {
		var err error
		customers, err = i.archive.CustomersOf(ctx, line)
		faults = append(faults, err)
	}
	for _, one := range customers {
		faults = append(faults, i.cache.Invalidate(ctx, Subscription{one, line}, MonthOf(now)))
	}
	return errors.Join(append(faults, i.archive.Invalidate(ctx, line, MonthOf(now), now))...)
}

// EvictLine evicts the open bill of a line from the caches of this replica. Another replica
// has invalidated it.
func (i *Invalidator) EvictLine(line msisdn.Number) {
	evict(i.reader, line)
	i.cache.EvictLine(line, MonthOf(i.now()))
}

// EvictSubscription evicts a subscription from the caches of this replica. Another
// replica has recorded that the line was given to another customer.
func (i *Invalidator) EvictSubscription(s Subscription) {
	evict(i.reader, s.Line)
	i.cache.EvictSubscription(s, openMonths(i.now())...)
}

// Listening sets whether this replica receives the notifications of other replicas.
func (i *Invalidator) Listening(listening bool) { i.cache.Listening(listening) }
