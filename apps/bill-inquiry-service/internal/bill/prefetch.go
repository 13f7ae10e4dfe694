package bill

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Why something is fetched before anybody asks for it.
const (
	ReasonLogin   = "login"   // its user has just logged in
	ReasonNightly = "nightly" // its line was active lately
	ReasonHot     = "hot"     // it is asked for often, and about to expire
)

// Prefetcher has fetched what may be needed soon, in the background: with spare
// calls only, and never while somebody waits.
type Prefetcher struct {
	cache    Renewal
	archive  Archive
	queue    Queue
	activity Activity
	meter    Meter
	policy   PrefetchPolicy
	hot      lately
	log      *slog.Logger
	now      func() time.Time
	newID    func() string
}

// PrefetchPolicy says what is fetched ahead.
type PrefetchPolicy struct {
	// Login is whether what is asked for next is, after a login, and hot bills
	// before they expire.
	Login bool `env:"PREFETCH_ENABLED" envDefault:"true"`
	// Nightly is whether this month's bills of recently active lines are, from
	// 2 to 5 o'clock in Seoul.
	Nightly bool `env:"NIGHTLY_REFRESH_ENABLED" envDefault:"true"`
	// NightlyShare is the part of KOS's limit that this may use, from 0 to 1.
	NightlyShare float64 `env:"NIGHTLY_REFRESH_SHARE" envDefault:"0.5"`
}

// Validate reports a share that is none.
func (p *PrefetchPolicy) Validate() error {
	if p.NightlyShare <= 0 || p.NightlyShare > 1 {
		return errors.New("NIGHTLY_REFRESH_SHARE must be above 0, and 1 at most")
	}
	return nil
}

// Activity tells which lines are worth the trouble.
type Activity interface {
	// Active returns up to limit subscriptions whose customers asked about them
	// since a time and of which KOS has told no bill of the month after fresh, nor
	// is being asked.
	Active(ctx context.Context, since, fresh time.Time, month Month, limit int) ([]Subscription, error)
}

// PrefetcherParams are what a Prefetcher needs.
type PrefetcherParams struct {
	Cache    Renewal
	Archive  Archive
	Queue    Queue
	Activity Activity
	Meter    Meter
	Policy   PrefetchPolicy
	Log      *slog.Logger
	Now      func() time.Time
	NewID    func() string
}

// NewPrefetcher returns a prefetcher.
func NewPrefetcher(p PrefetcherParams) *Prefetcher {
	return &Prefetcher{
		cache: p.Cache, archive: p.Archive, queue: p.Queue, activity: p.Activity, meter: p.Meter, policy: p.Policy,
		hot: lately{seen: map[Query]time.Time{}}, log: p.Log, now: p.Now, newID: p.NewID,
	}
}

// maxLines bounds what one login has fetched.
const maxLines = 5

// LoggedIn has fetched what a customer with lines will ask for: this month's bill,
// the customer and, since it is the next question and costs one call for ever,
// last month's bill. It returns an error if that could not be written down;
// repeating it does no harm.
func (p *Prefetcher) LoggedIn(ctx context.Context, customer string, lines []msisdn.Number) error {
	if !p.policy.Login || customer == "" { // the release before does not name the customer
		return nil
	}
	var faults []error
	current := MonthOf(p.now())
	for _, line := range lines[:min(len(lines), maxLines)] {
		s := Subscription{customer, line}
		for _, month := range []Month{current, TheCustomer, current.minus(1)} {
			if p.knows(ctx, s, month) {
				p.meter.Prefetched(ReasonLogin, "known")
				continue
			}
			faults = append(faults, p.enqueue(ctx, s, month, ReasonLogin))
		}
	}
	return errors.Join(faults...)
}

// knows reports whether nothing need be fetched.
func (p *Prefetcher) knows(ctx context.Context, s Subscription, month Month) bool {
	if p.cache.Knows(ctx, s, month) {
		return true
	}
	if month == TheCustomer {
		return false
	}
	kept, err := p.archive.Find(ctx, s, month)
	return err == nil && kept.Definitive()
}

// enqueue queues a background fetch. A full queue is no fault: the answer is not
// needed yet.
func (p *Prefetcher) enqueue(ctx context.Context, s Subscription, month Month, reason string) error {
	ticket, err := p.queue.Enqueue(ctx, Fetch{
		Subject: Subject{s.Line, month}, Customers: []string{s.Customer}, RequestID: p.newID(), Background: true, Reason: reason,
	})
	switch {
	case errors.Is(err, ErrQueueFull):
		p.meter.Prefetched(reason, "full")
		return nil
	case err != nil:
		p.meter.Prefetched(reason, "failed")
	case ticket.Added:
		p.meter.Prefetched(reason, "enqueued")
	default:
		p.meter.Prefetched(reason, "waiting")
	}
	return err
}

const (
	// hotAfter is how old a bill must be to be fetched again because somebody
	// has just asked for it: shortly before it expires.
	hotAfter = 45 * time.Minute
	// hotPause is how soon the same bill is looked at again.
	hotPause = 5 * time.Minute
	// hotWait bounds what the lucky client pays for all.
	hotWait = 100 * time.Millisecond
)

// Used is told of each bill that somebody was given. It has one fetched anew
// that is still asked for and about to expire, so that nobody waits then.
func (p *Prefetcher) Used(ctx context.Context, b Bill) {
	if b.Fetched != "" {
		p.meter.Prefetched(b.Fetched, "used")
	}
	if !p.policy.Login || b.Final || b.Stale || p.now().Sub(b.AsOf) < hotAfter {
		return
	}
	if !p.hot.first(b.Subscription(), b.Month, p.now()) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hotWait)
	defer cancel()
	if err := p.enqueue(ctx, b.Subscription(), b.Month, ReasonHot); err != nil {
		p.log.WarnContext(ctx, "hot bill not fetched ahead", "error", err)
	}
}

const (
	nightFrom, nightUntil = 2, 5 // o'clock in Seoul
	// activeFor is how long a line counts as active after an inquiry.
	activeFor = 7 * 24 * time.Hour
	// nightFresh is how old a bill may be that is not fetched again this night.
	nightFresh = 12 * time.Hour
)

// Nightly has this month's bills fetched of the lines that were active lately:
// so many at a time as the night's share of KOS's limit allows in the time
// until the next one.
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
		faults = append(faults, p.enqueue(ctx, s, month, ReasonNightly))
	}
	return errors.Join(faults...)
}

// lately remembers for a while what was seen.
type lately struct {
	mu   sync.Mutex
	seen map[Query]time.Time
}

// maxLately bounds memory.
const maxLately = 10_000

// first reports whether a bill was not seen in the last few minutes.
func (l *lately) first(s Subscription, month Month, now time.Time) bool {
	key := Query{Subscription: s, Month: month}
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, seen := l.seen[key]; seen && now.Sub(at) < hotPause {
		return false
	}
	if len(l.seen) >= maxLately {
		clear(l.seen)
	}
	l.seen[key] = now
	return true
}
