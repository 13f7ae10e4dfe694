package product

import (
	"context"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Reasons of prefetches.
const (
	ReasonLogin   = "login"   // the user has logged in
	ReasonPreload = "preload" // an operator preloads lines before a launch
)

// Prefetcher enqueues background fetches of subscribers that clients are likely to need.
// The queue admits them with spare calls only, after all interactive work.
type Prefetcher struct {
	archive Archive
	queue   Prefetches
	meter   Meter
	now     func() time.Time
}

// Prefetches is the queue of fetches of subscribers.
type Prefetches interface {
	// Prefetch enqueues a fetch in the background. It returns false if the subscriber was
	// queued already, and readthrough.ErrFull.
	Prefetch(ctx context.Context, s Subscription, reason string) (added bool, err error)
}

// Meter counts prefetches.
type Meter interface {
	// Prefetched counts a prefetch by its reason and outcome.
	Prefetched(reason, outcome string)
}

// NewPrefetcher returns a prefetcher.
func NewPrefetcher(archive Archive, queue Prefetches, meter Meter, now func() time.Time) *Prefetcher {
	return &Prefetcher{archive: archive, queue: queue, meter: meter, now: now}
}

// maxLines bounds the lines of a login that are prefetched.
const maxLines = 5

// LoggedIn enqueues prefetches for the lines of a customer. It is idempotent. A full queue
// is not an error: no client waits for the answer.
func (p *Prefetcher) LoggedIn(ctx context.Context, customer string, lines []msisdn.Number) error {
	var faults []error
	for _, line := range lines[:min(len(lines), maxLines)] {
		if err := p.Enqueue(ctx, Subscription{customer, line}, ReasonLogin); !errors.Is(err, readthrough.ErrFull) {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// Enqueue enqueues a prefetch, unless the archive has an answer of KOS that is still fresh.
// It returns readthrough.ErrFull if the queue is full.
func (p *Prefetcher) Enqueue(ctx context.Context, s Subscription, reason string) error {
	if known, _, err := p.archive.Subscriber(ctx, s.Line); err == nil && known.CustomerID == s.Customer && p.now().Sub(known.AsOf) < SubscriberTTL {
		p.meter.Prefetched(reason, "known")
		return nil
	}
	added, err := p.queue.Prefetch(ctx, s, reason)
	switch {
	case errors.Is(err, readthrough.ErrFull):
		p.meter.Prefetched(reason, "full")
	case err != nil:
		p.meter.Prefetched(reason, "failed")
	case added:
		p.meter.Prefetched(reason, "enqueued")
	default:
		p.meter.Prefetched(reason, "waiting")
	}
	return err
}
