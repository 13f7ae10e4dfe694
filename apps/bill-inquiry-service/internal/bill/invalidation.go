package bill

import (
	"context"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Invalidator forgets what lines that have changed make wrong.
type Invalidator struct {
	cache   Invalidation
	archive Archive
	reader  *Reader
	now     func() time.Time
}

// NewInvalidator returns an invalidator of what a cache, an archive and a reader keep.
func NewInvalidator(cache Cache, archive Archive, reader *Reader, now func() time.Time) *Invalidator {
	return &Invalidator{cache: cache, archive: archive, reader: reader, now: now}
}

// Changed forgets what is known of a line that has a new plan, here, in every
// replica and in the archive. Bills of past months stay: their plan was the old
// one. An event of the release before does not name the customer: then it is
// each whose bills of the line are known. It may be repeated, and should be
// after an error.
func (i *Invalidator) Changed(ctx context.Context, customer string, line msisdn.Number) error {
	now := i.now()
	customers, faults := []string{customer}, []error(nil)
	if customer == "" {
		var err error
		customers, err = i.archive.Holders(ctx, line)
		faults = append(faults, err)
	}
	for _, one := range customers {
		faults = append(faults, i.cache.Invalidate(ctx, Subscription{one, line}, TheCustomer, MonthOf(now)))
	}
	i.reader.forget(line)
	return errors.Join(append(faults, i.archive.Forget(ctx, line, MonthOf(now), now))...)
}

// Heard forgets a line on this replica that another replica has forgotten.
func (i *Invalidator) Heard(line msisdn.Number) {
	i.reader.forget(line)
	i.cache.Forget(line, TheCustomer, MonthOf(i.now()))
}

// MovedElsewhere forgets a subscription on this replica that another replica has found
// to have ended: the line was given to another customer.
func (i *Invalidator) MovedElsewhere(s Subscription) {
	i.reader.forget(s.Line)
	i.cache.ForgetSubscription(s, open(i.now())...)
}

// Listening says whether this replica is notified of what others invalidate.
func (i *Invalidator) Listening(listening bool) { i.cache.Listening(listening) }
