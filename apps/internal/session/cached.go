package session

import (
	"context"
	"errors"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/phonebill/phonebill/apps/internal/refresh"
)

const (
	// maxAge is the maximum age of a cached session. The product rule is that a
	// change takes effect within 5 s.
	maxAge = 5 * time.Second
	// refreshAge is the age at which a session in use is refreshed in the background,
	// so that its requests need not wait for the store.
	refreshAge = 3 * time.Second
	// refreshPause is the time between attempts of a refresh that fails.
	refreshPause = time.Second
	// maxSessions is the size of the cache, a few MiB.
	maxSessions = 20_000
	// touchShare is the divisor of the idle time after which a session in use is
	// extended.
	touchShare = 10
)

// Cached is a cache of live sessions with a maximum age of 5 s. It also extends the
// sessions that are in use.
type Cached struct {
	store *Store
	now   func() time.Time
	cache *otter.Cache[string, lookup]
	// loader is load.
	loader otter.Loader[string, lookup]
}

// lookup is a result of the store. That a session has ended is cached too.
type lookup struct {
	record Record
	ended  bool
	asOf   time.Time
}

// NewCached returns a cache over store.
func NewCached(store *Store, now func() time.Time) *Cached {
	// The age counts from the start of the call, as a slow store may have read the
	// session long before it responds.
	remaining := func(e otter.Entry[string, lookup]) time.Duration {
		return max(maxAge-now().Sub(e.Value.asOf), time.Nanosecond) // otter never expires 0
	}
	c := &Cached{
		store: store,
		now:   now,
		cache: otter.Must(&otter.Options[string, lookup]{
			MaximumSize:       maxSessions,
			ExpiryCalculator:  otter.ExpiryWritingFunc(remaining),
			RefreshCalculator: refresh.After[string, lookup](refreshAge, refreshPause),
			Logger:            &otter.NoopLogger{}, // Get returns the errors
		}),
	}
	c.loader = otter.LoaderFunc[string, lookup](c.load)
	return c
}

// Get returns a live session. It returns ErrEnded, or ErrUnavailable if the store is
// unavailable and the session is not in the cache.
func (c *Cached) Get(ctx context.Context, id string) (Record, error) {
	found, err := c.cache.Get(ctx, id, c.loader)
	if err != nil {
		return Record{}, err
	}
	if found.ended || found.record.expired(c.now()) {
		return Record{}, ErrEnded
	}
	return found.record, nil
}

// Forget removes a session from the cache, so that a change by this replica takes
// effect on it at once.
func (c *Cached) Forget(id string) { c.cache.Invalidate(id) }

func (c *Cached) load(ctx context.Context, id string) (lookup, error) {
	// Concurrent requests share this read, so it must not end with the first of them.
	ctx = context.WithoutCancel(ctx)
	asOf := c.now()
	record, etag, err := c.store.Get(ctx, id)
	if errors.Is(err, ErrEnded) || err == nil && record.expired(asOf) {
		return lookup{ended: true, asOf: asOf}, nil
	}
	if err != nil {
		return lookup{}, err
	}
	c.touch(ctx, id, record, etag)
	return lookup{record: record, asOf: asOf}, nil
}

// touch extends a session that has not been extended for a share of its idle time.
// It ignores conflicts and errors of the store, as the next load tries again.
func (c *Cached) touch(ctx context.Context, id string, record Record, etag string) {
	if c.now().Sub(record.TouchedAt) < record.Idle/touchShare {
		return
	}
	record.TouchedAt = c.now()
	_ = c.store.Update(ctx, id, record, etag)
}
