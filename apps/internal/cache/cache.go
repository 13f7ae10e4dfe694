// Package cache is a read-through cache with two levels: L1 in the process, and L2 in a Dapr
// state store that all replicas share.
//
// The source is authoritative; both levels hold copies. Neither fails a request: if the store is
// unavailable, the cache counts and logs that and reads from the source.
//
// An invalidated value does not come back, whatever load was running on any replica. A value
// is written to L2 only if L2 had nothing of the key when the load began and has nothing
// now, and an invalidation leaves a tombstone that outlives every such load.
package cache

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"
)

// Product rule: L1 holds 2,000 entries for 5 minutes.
const (
	l1TTL  = 5 * time.Minute
	l1Size = 2_000
)

// Level is where a value was found.
type Level string

// The levels.
const (
	FromL1     Level = "l1"
	FromL2     Level = "l2"
	FromSource Level = "source"
)

// Options configure a cache for one kind of values.
type Options struct {
	Kind string        // as named in keys, metrics and logs: "bill"
	TTL  time.Duration // in L2
	// LoadTimeout bounds a load, which goes on after its callers have left.
	LoadTimeout time.Duration
	// Sealer encrypts values in L2. Nil stores them in clear, for public values.
	Sealer Sealer
	// Now is the clock of tombstones; time.Now if nil.
	Now func() time.Time
}

// Cache is a two-level cache of values, which are stored as JSON in L2, sealed or not.
type Cache[V any] struct {
	opts          Options
	l2            L2
	log           *slog.Logger
	metrics       *Metrics
	l1            *otter.Cache[string, V]
	epoch         atomic.Uint64 // counts evictions of all of L1
	bypassL1      atomic.Bool   // invalidations of other replicas are not received
	invalidations singleflight.Group
	// evicted has the recently evicted keys. They are not read from L2: the replica that
	// invalidated them may have failed to write the tombstone.
	evicted *otter.Cache[string, struct{}]
}

const (
	// bypassL2Time is how long an evicted key is not read from L2: by then its tombstone
	// is written, or will not be.
	bypassL2Time = time.Minute
	// maxEvicted bounds the set of recently evicted keys.
	maxEvicted = 10_000
)

// New returns a cache over l2.
func New[V any](opts Options, l2 L2, log *slog.Logger, metrics *Metrics) *Cache[V] {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	metrics.export(opts.Kind)
	return &Cache[V]{
		opts: opts, l2: l2, log: log, metrics: metrics,
		l1: otter.Must(&otter.Options[string, V]{
			MaximumSize: l1Size,
			ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, V]) time.Duration {
				return min(l1TTL, life(e.Value, l1TTL))
			}),
		}),
		evicted: otter.Must(&otter.Options[string, struct{}]{
			MaximumSize:      maxEvicted,
			ExpiryCalculator: otter.ExpiryWriting[string, struct{}](bypassL2Time),
		}),
	}
}

// Expirer is implemented by values that may have a shorter lifetime than others of their
// kind.
type Expirer interface {
	// Life returns the lifetime of the value; 0 is that of its kind.
	Life() time.Duration
}

// life returns the lifetime of a value, at most longest.
func life(value any, longest time.Duration) time.Duration {
	if expirer, ok := value.(Expirer); ok {
		return min(longest, cmp.Or(expirer.Life(), longest))
	}
	return longest
}

// Load reads a value from the source.
type Load[V any] func(ctx context.Context) (V, error)

// Get returns the value of key and where it was found. Concurrent misses of one key share
// one load. If ctx ends, Get returns its error; the load goes on and serves later calls.
// Errors of load are returned and not cached.
func (c *Cache[V]) Get(ctx context.Context, key string, load Load[V]) (V, Level, error) {
	if value, ok := c.l1.GetIfPresent(key); ok && !c.bypassL1.Load() {
		c.metrics.hit(c.opts.Kind, FromL1)
		return value, FromL1, nil
	}
	done := make(chan found[V], 1)
	go func() { done <- c.miss(context.WithoutCancel(ctx), key, load) }()
	select {
	case got := <-done:
		return got.value, got.level, got.err
	case <-ctx.Done():
		var none V
		return none, "", ctx.Err()
	}
}

type found[V any] struct {
	value V
	level Level
	err   error
}

// miss reads from L2, then from the source. Otter runs one load a key and shares its result;
// the other callers count as L1 hits. If the key is evicted meanwhile, Otter loads again.
func (c *Cache[V]) miss(ctx context.Context, key string, load Load[V]) found[V] {
	ctx, cancel := context.WithTimeout(ctx, c.opts.LoadTimeout)
	defer cancel()
	if c.bypassL1.Load() {
		value, level, err := c.fetch(ctx, key, load)
		return c.count(found[V]{value, level, err})
	}
	level, epoch := FromL1, c.epoch.Load()
	value, err := c.l1.Get(ctx, key, otter.LoaderFunc[string, V](func(ctx context.Context, key string) (value V, err error) {
		value, level, err = c.fetch(ctx, key, load)
		return value, err
	}))
	if c.epoch.Load() != epoch {
		c.l1.Invalidate(key) // loaded before all of L1 was evicted, stored after
	}
	return c.count(found[V]{value, level, err})
}

func (c *Cache[V]) count(got found[V]) found[V] {
	if got.err == nil {
		c.metrics.hit(c.opts.Kind, got.level)
	}
	return got
}

// fetch reads from L2 or from the source. If L2 changed during the load, the loaded value may
// be outdated: fetch repeats both once, so that the second load begins after the change.
func (c *Cache[V]) fetch(ctx context.Context, key string, load Load[V]) (value V, level Level, err error) {
	defer c.recoverPanic(&err)
	for again := false; ; again = true {
		value, state := c.fromL2(ctx, key)
		if state == present {
			return value, FromL2, nil
		}
		value, err := load(ctx)
		if err != nil || state == closed || c.toL2(ctx, key, value) || again {
			return value, FromSource, err
		}
	}
}

// recoverPanic, deferred, returns the panic of a load as an error. Loads run in goroutines
// of the cache, which no caller recovers.
func (c *Cache[V]) recoverPanic(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("cache %s: load panicked: %v\n%s", c.opts.Kind, cause, debug.Stack())
	}
}

// Invalidate evicts key from this process and writes a tombstone to L2: no load that began
// before brings the value back. Afterwards notify the other replicas to Evict the key. If
// L2 is unavailable, Invalidate returns an error, and only this process is done.
func (c *Cache[V]) Invalidate(ctx context.Context, key string) error {
	err := c.invalidateL2(ctx, c.key(key))
	c.Evict(key) // after L2, where a load could still find the value
	if err != nil {
		return fmt.Errorf("cache %s: %w", c.opts.Kind, err)
	}
	return nil
}

// Evict evicts key from this process: from L1, including the results of running loads. For
// a minute key is not read from L2 either, in case the tombstone could not be written.
func (c *Cache[V]) Evict(key string) {
	c.evicted.Set(key, struct{}{})
	c.l1.Invalidate(key)
}

// EvictAll evicts all of L1, including the results of running loads.
func (c *Cache[V]) EvictAll() {
	c.epoch.Add(1)
	c.l1.InvalidateAll()
}

// Listening notes whether this process receives the invalidations of other replicas. While
// it does not, the cache bypasses L1, which is empty afterwards. A new cache assumes that it
// does.
func (c *Cache[V]) Listening(listening bool) {
	c.EvictAll()
	c.bypassL1.Store(!listening)
}

// key returns the key in L2: a hash, because keys may contain personal data.
func (c *Cache[V]) key(key string) string {
	sum := sha256.Sum256([]byte(c.opts.Kind + "\x00" + key))
	return c.opts.Kind + ":" + hex.EncodeToString(sum[:16])
}
