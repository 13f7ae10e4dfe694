// Package cache keeps what is expensive to ask for, on two levels: L1 in the
// process, L2 in a Dapr state store that all replicas share.
//
// Neither level is the truth and neither may fail a request: a store that
// cannot be reached costs a metric and a log line, and the source is asked.
//
// What is invalidated stays away: a load that was under way on any replica
// cannot bring the old value back. A value is written to L2 only if nothing was
// there when its load began and nothing is there now, and an invalidation
// leaves a tombstone that outlives every such load.
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

// Level says where a value came from.
type Level string

// The levels.
const (
	FromL1     Level = "l1"
	FromL2     Level = "l2"
	FromSource Level = "source"
)

// Options describe one kind of cached thing.
type Options struct {
	Kind string        // names it in keys, metrics and logs: "bill"
	TTL  time.Duration // in L2
	// LoadTimeout bounds a load, which goes on when its callers have left.
	LoadTimeout time.Duration
	// Sealer encrypts what L2 holds. Nil leaves it in clear: for what is public.
	Sealer Sealer
	// Now is the clock of tombstones; time.Now if nil.
	Now func() time.Time
}

// Cache is a two-level cache of things that are JSON in L2, sealed or not.
type Cache[V any] struct {
	opts    Options
	l2      L2
	log     *slog.Logger
	metrics *Metrics
	l1      *otter.Cache[string, V]
	epoch   atomic.Uint64 // how often all of L1 was forgotten
	deaf    atomic.Bool   // L1 is not used
	drops   singleflight.Group
	// forgotten are the keys that were forgotten lately. L2 is not believed
	// about them: whoever invalidated them may not have reached it.
	forgotten *otter.Cache[string, struct{}]
	// renewed are the keys that are, or were just, refreshed ahead of their time.
	renewed *otter.Cache[string, struct{}]
}

const (
	// doubt is how long L2 is not believed about a key that was forgotten: by
	// then it has been told, or will not be.
	doubt = time.Minute
	// maxMarks bounds the memory of keys that something was done with lately.
	maxMarks = 10_000
)

// New returns a cache over l2.
func New[V any](opts Options, l2 L2, log *slog.Logger, metrics *Metrics) *Cache[V] {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Cache[V]{
		opts: opts, l2: l2, log: log, metrics: metrics,
		l1: otter.Must(&otter.Options[string, V]{
			MaximumSize: l1Size,
			ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, V]) time.Duration {
				return min(l1TTL, life(e.Value, l1TTL))
			}),
		}),
		forgotten: newMarks(doubt),
		renewed:   newMarks(aheadPause),
	}
}

// newMarks returns a set of keys that each leave it after a while.
func newMarks(life time.Duration) *otter.Cache[string, struct{}] {
	return otter.Must(&otter.Options[string, struct{}]{
		MaximumSize:      maxMarks,
		ExpiryCalculator: otter.ExpiryWriting[string, struct{}](life),
	})
}

// Brief is implemented by values that may be kept for less long than their
// kind is.
type Brief interface {
	// Life is how long the value may be kept; 0 is as long as its kind.
	Life() time.Duration
}

// life returns how long a value may be kept, longest at most.
func life(value any, longest time.Duration) time.Duration {
	if brief, ok := value.(Brief); ok {
		return min(longest, cmp.Or(brief.Life(), longest))
	}
	return longest
}

// Load asks the source for a value.
type Load[V any] func(ctx context.Context) (V, error)

// Get returns the value of key and where it was found. Callers that miss the
// same key at the same time share one load. The load goes on when ctx ends, so
// that the next call finds what this one did not wait for; Get itself then
// returns ctx's error. Errors of load are returned and not kept.
func (c *Cache[V]) Get(ctx context.Context, key string, load Load[V]) (V, Level, error) {
	if value, ok := c.l1.GetIfPresent(key); ok && !c.deaf.Load() {
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

// miss looks into L2, then asks the source. Otter lets one caller a key do so
// and hands the others its result; those count as L1 hits. It asks again should
// the key be forgotten meanwhile.
func (c *Cache[V]) miss(ctx context.Context, key string, load Load[V]) found[V] {
	ctx, cancel := context.WithTimeout(ctx, c.opts.LoadTimeout)
	defer cancel()
	if c.deaf.Load() {
		value, level, err := c.fetch(ctx, key, load)
		return c.count(found[V]{value, level, err})
	}
	level, epoch := FromL1, c.epoch.Load()
	value, err := c.l1.Get(ctx, key, otter.LoaderFunc[string, V](func(ctx context.Context, key string) (value V, err error) {
		value, level, err = c.fetch(ctx, key, load)
		return value, err
	}))
	if c.epoch.Load() != epoch {
		c.l1.Invalidate(key) // loaded before all of L1 was forgotten, kept after
	}
	return c.count(found[V]{value, level, err})
}

func (c *Cache[V]) count(got found[V]) found[V] {
	if got.err == nil {
		c.metrics.hit(c.opts.Kind, got.level)
	}
	return got
}

// fetch returns what L2 has, or what the source says. If L2 changed while the
// source was asked, then what it said may be old: all is done once more, and
// this time what is in L2 was there before the source was asked.
func (c *Cache[V]) fetch(ctx context.Context, key string, load Load[V]) (value V, level Level, err error) {
	defer c.recovered(&err)
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

// recovered, deferred, makes an error of the panic of a load: nobody else would
// in a goroutine of the cache's own.
func (c *Cache[V]) recovered(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("cache %s: load panicked: %v\n%s", c.opts.Kind, cause, debug.Stack())
	}
}

// Invalidate forgets key here and in L2, for good: no load that began before
// brings its value back. Other replicas' L1 is not reached: tell them to
// Forget it afterwards. It returns an error if L2 could not be told; key is
// then forgotten here only.
func (c *Cache[V]) Invalidate(ctx context.Context, key string) error {
	err := c.drop(ctx, c.key(key))
	c.Forget(key) // only now: before, a load could still have found it in L2
	if err != nil {
		return fmt.Errorf("cache %s: %w", c.opts.Kind, err)
	}
	return nil
}

// Forget drops key here: from L1, with what a load under way will bring, and
// for a minute what L2 has of it, should the one who invalidated it not have
// reached L2.
func (c *Cache[V]) Forget(key string) {
	c.forgotten.Set(key, struct{}{})
	c.l1.Invalidate(key)
}

// ForgetAll drops all of L1, and what loads under way will bring.
func (c *Cache[V]) ForgetAll() {
	c.epoch.Add(1)
	c.l1.InvalidateAll()
}

// Listening says whether this process is told what others invalidate. While it
// is not, L1 is not used; when it is again, L1 begins empty. A new cache is
// taken to be told.
func (c *Cache[V]) Listening(told bool) {
	c.ForgetAll()
	c.deaf.Store(!told)
}

// key hides the key, which may be personal, from whoever logs or lists keys.
func (c *Cache[V]) key(key string) string {
	sum := sha256.Sum256([]byte(c.opts.Kind + "\x00" + key))
	return c.opts.Kind + ":" + hex.EncodeToString(sum[:16])
}
