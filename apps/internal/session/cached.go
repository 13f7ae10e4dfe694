package session

import (
	"context"
	"errors"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/phonebill/phonebill/apps/internal/refresh"
)

const (
	// maxAge bounds how long a change of a session may go unseen: product
	// rule, "within 5 s".
	maxAge = 5 * time.Second
	// refreshAge is when a session in use is read again in the background, so
	// that its user does not wait for the store every five seconds.
	refreshAge = 3 * time.Second
	// refreshPause is how soon a read that failed is tried again.
	refreshPause = time.Second
	// maxSessions bounds memory: at most a few MiB.
	maxSessions = 20_000
	// touchShare is the part of its idle time after which a session in use is
	// prolonged.
	touchShare = 10
)

// Cached answers whether sessions live, from memory for up to 5 s. It also
// keeps sessions in use from ending: it prolongs their life in the store.
type Cached struct {
	store *Store
	now   func() time.Time
	cache *otter.Cache[string, lookup]
}

// lookup is an answer of the store; that a session has ended is one as well.
type lookup struct {
	record Record
	ended  bool
	asOf   time.Time
}

// NewCached returns a cache over store.
func NewCached(store *Store, now func() time.Time) *Cached {
	// An answer ages from the question on: a slow store has looked long before
	// it says what it saw.
	rest := func(e otter.Entry[string, lookup]) time.Duration {
		return max(maxAge-now().Sub(e.Value.asOf), time.Nanosecond) // 0 would mean for ever
	}
	return &Cached{
		store: store,
		now:   now,
		cache: otter.Must(&otter.Options[string, lookup]{
			MaximumSize:       maxSessions,
			ExpiryCalculator:  otter.ExpiryWritingFunc(rest),
			RefreshCalculator: refresh.After[string, lookup](refreshAge, refreshPause),
			Logger:            &otter.NoopLogger{}, // a store that is away is told by those who then fail
		}),
	}
}

// Get returns a live session. It returns ErrEnded, or ErrUnavailable if the
// store cannot be asked and was not asked within the last 5 s.
func (c *Cached) Get(ctx context.Context, id string) (Record, error) {
	found, err := c.cache.Get(ctx, id, otter.LoaderFunc[string, lookup](c.load))
	if err != nil {
		return Record{}, err
	}
	if found.ended || found.record.over(c.now()) {
		return Record{}, ErrEnded
	}
	return found.record, nil
}

// Forget drops what is known of a session, so that a change made here is seen
// here at once.
func (c *Cached) Forget(id string) { c.cache.Invalidate(id) }

func (c *Cached) load(ctx context.Context, id string) (lookup, error) {
	// Several requests may wait for this one read: the first of them going
	// away must not fail the others.
	ctx = context.WithoutCancel(ctx)
	asOf := c.now()
	record, etag, err := c.store.Get(ctx, id)
	if errors.Is(err, ErrEnded) || err == nil && record.over(asOf) {
		return lookup{ended: true, asOf: asOf}, nil
	}
	if err != nil {
		return lookup{}, err
	}
	c.touch(ctx, id, record, etag)
	return lookup{record: record, asOf: asOf}, nil
}

// touch prolongs a session that has used up a share of its idle time. If
// somebody else changed it meanwhile, or the store fails, the next use will
// try again: nothing is lost but a little of the prolongation.
func (c *Cached) touch(ctx context.Context, id string, record Record, etag string) {
	if c.now().Sub(record.TouchedAt) < record.Idle/touchShare {
		return
	}
	record.TouchedAt = c.now()
	_ = c.store.Update(ctx, id, record, etag)
}
