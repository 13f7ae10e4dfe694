package bill

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
	ReasonNightly = "nightly" // the line was active in the last days
	ReasonHot     = "hot"     // the bill is read, and about to expire
)

// Prefetcher enqueues background fetches of bills that clients are likely to need. The
// queue admits them with spare calls only, after all interactive work.
type Prefetcher struct {
	cache    Refresher
	archive  Archive
	queue    Prefetches
	activity Activity
	meter    Meter
	policy   PrefetchPolicy
	now      func() time.Time
}

// PrefetchPolicy is the configuration of prefetches.
type PrefetchPolicy struct {
	// Login enables prefetches after a login, and refreshes of hot bills before they
	// expire.
	Login bool `env:"PREFETCH_ENABLED" envDefault:"true"`
	// Nightly enables the refresh of this month's bills of active lines, from 02:00 to
	// 05:00 in Seoul.
	Nightly bool `env:"NIGHTLY_REFRESH_ENABLED" envDefault:"true"`
	// NightlyShare is the share of the rate limit for the nightly refresh, above 0 and
	// at most 1.
	NightlyShare float64 `env:"NIGHTLY_REFRESH_SHARE" envDefault:"0.5"`
}

// Validate returns an error if the share is out of range.
func (p *PrefetchPolicy) Validate() error {
	if p.NightlyShare <= 0 || p.NightlyShare > 1 {
		return errors.New("NIGHTLY_REFRESH_SHARE must be above 0, and 1 at most")
	}
	return nil
}

// Activity finds the lines that are worth a prefetch.
type Activity interface {
	// Active returns up to limit subscriptions with a completed inquiry since a time,
	// whose bill of the month is neither newer than fresh nor queued.
	Active(ctx context.Context, since, fresh time.Time, month Month, limit int) ([]Subscription, error)
}

// PrefetcherParams are the dependencies of a Prefetcher.
type PrefetcherParams struct {
	Cache    Refresher
	Archive  Archive
	Queue    Prefetches
	Activity Activity
	Meter    Meter
	Policy   PrefetchPolicy
	Now      func() time.Time
}

// NewPrefetcher returns a prefetcher.
func NewPrefetcher(p PrefetcherParams) *Prefetcher {
	return &Prefetcher{
		cache: p.Cache, archive: p.Archive, queue: p.Queue, activity: p.Activity, meter: p.Meter, policy: p.Policy, now: p.Now,
	}
}

// maxLines bounds the lines of a login that are prefetched.
const maxLines = 5

// LoggedIn enqueues prefetches for the lines of a customer: this month's bill, and last
// month's bill, which clients often read next and which costs one call for good. It is
// idempotent. It returns an error if enqueueing failed.
func (p *Prefetcher) LoggedIn(ctx context.Context, customer string, lines []msisdn.Number) error {
	if !p.policy.Login || customer == "" { // an event of the release before names no customer
		return nil
	}
	var faults []error
	current := MonthOf(p.now())
	for _, line := range lines[:min(len(lines), maxLines)] {
		s := Subscription{customer, line}
		for _, month := range []Month{current, current.minus(1)} {
			q := Query{s, month}
			if p.knows(ctx, q) {
				p.meter.Prefetched(ReasonLogin, "known")
				continue
			}
			faults = append(faults, p.enqueue(ctx, q, ReasonLogin))
		}
	}
	return errors.Join(faults...)
}

// knows reports whether the caches or the archive have a copy that needs no fetch.
func (p *Prefetcher) knows(ctx context.Context, q Query) bool {
	if p.cache.Has(ctx, q.Subscription, q.Month) {
		return true
	}
	archived, err := p.archive.Find(ctx, q.Subscription, q.Month)
	return err == nil && archived.Definitive()
}

// enqueue enqueues a background fetch. A full queue is not an error: no client waits
// for the answer.
func (p *Prefetcher) enqueue(ctx context.Context, q Query, reason string) error {
	added, err := p.queue.Prefetch(ctx, q, reason)
	switch {
	case errors.Is(err, readthrough.ErrFull):
		p.meter.Prefetched(reason, "full")
		return nil
	case err != nil:
		p.meter.Prefetched(reason, "failed")
	case added:
		p.meter.Prefetched(reason, "enqueued")
	default:
		p.meter.Prefetched(reason, "waiting")
	}
	return err
}

// Served is called with each bill that an inquiry has returned. It counts the use of a
// prefetched bill.
func (p *Prefetcher) Served(b Bill) {
	if b.Fetched != "" {
		p.meter.Prefetched(b.Fetched, "used")
	}
}

// RefreshAhead enqueues a refresh of a bill that is read, and about to expire.
func (p *Prefetcher) RefreshAhead(ctx context.Context, q Query) error {
	if !p.policy.Login {
		return nil
	}
	return p.enqueue(ctx, q, ReasonHot)
}

// refreshes is a Queue whose refreshes ahead follow the policy of a Prefetcher, and are
// counted by it.
type refreshes struct {
	Queue

	prefetcher *Prefetcher
}

func (r refreshes) EnqueueAhead(ctx context.Context, q Query) error {
	return r.prefetcher.RefreshAhead(ctx, q)
}

const (
	nightFrom, nightUntil = 2, 5 // hours in Seoul
	// activeFor is how long a line counts as active after an inquiry.
	activeFor = 7 * 24 * time.Hour
	// nightFresh is the age up to which a bill is not refreshed at night.
	nightFresh = 12 * time.Hour
)

// Nightly enqueues refreshes of this month's bills of active lines, during the night.
// It is called once every interval, and enqueues as many as the nightly share of
// perMinute admits until the next call.
func (p *Prefetcher) Nightly(ctx context.Context, perMinute int, every time.Duration) error {
	now := p.now()
	hour := now.In(Seoul).Hour()
	if !p.policy.Nightly || hour < nightFrom || hour >= nightUntil {
		return nil
	}
	limit := max(1, int(float64(perMinute)*p.policy.NightlyShare*every.Minutes()))
	month := MonthOf(now)
	active, err := p.activity.Active(ctx, now.Add(-activeFor), now.Add(-nightFresh), month, limit)
	faults := []error{err}
	for _, s := range active {
		faults = append(faults, p.enqueue(ctx, Query{s, month}, ReasonNightly))
	}
	return errors.Join(faults...)
}
