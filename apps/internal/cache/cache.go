// Package cache keeps what is expensive to ask for, on two levels: L1 in the
// process, L2 in a Dapr state store that all replicas share.
//
// Neither level is the truth and neither may fail a request: a store that
// cannot be reached costs a metric and a log line, and the source is asked.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// Product rule: L1 holds 2,000 entries for 5 minutes.
const (
	l1TTL  = 5 * time.Minute
	l1Size = 2_000
)

// l2Timeout bounds a call of L2, so that one that hangs costs a request less
// than its source may take. It is longer than resiliency/ allows the store.
const l2Timeout = 700 * time.Millisecond

// L2 is the part of a state store that a cache needs.
type L2 interface {
	Get(ctx context.Context, key string) (value []byte, etag string, err error)
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	Delete(ctx context.Context, key string) error
}

var _ L2 = (*sidecar.State)(nil)

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
}

// Cache is a two-level cache of things that are JSON in L2.
type Cache[V any] struct {
	opts    Options
	l2      L2
	log     *slog.Logger
	metrics *Metrics
	l1      *otter.Cache[string, V]
	epoch   atomic.Uint64 // rises with every invalidation
}

// New returns a cache over l2.
func New[V any](opts Options, l2 L2, log *slog.Logger, metrics *Metrics) *Cache[V] {
	return &Cache[V]{
		opts: opts, l2: l2, log: log, metrics: metrics,
		l1: otter.Must(&otter.Options[string, V]{
			MaximumSize:      l1Size,
			ExpiryCalculator: otter.ExpiryWriting[string, V](l1TTL),
		}),
	}
}

// Load asks the source for a value.
type Load[V any] func(ctx context.Context) (V, error)

// Get returns the value of key and where it was found. Callers that miss the
// same key at the same time share one load. The load goes on when ctx ends, so
// that the next call finds what this one did not wait for; Get itself then
// returns ctx's error. Errors of load are returned and not kept.
func (c *Cache[V]) Get(ctx context.Context, key string, load Load[V]) (V, Level, error) {
	if value, ok := c.l1.GetIfPresent(key); ok {
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
// and hands the others its result; those count as L1 hits.
func (c *Cache[V]) miss(ctx context.Context, key string, load Load[V]) found[V] {
	ctx, cancel := context.WithTimeout(ctx, c.opts.LoadTimeout)
	defer cancel()
	level := FromL1
	value, err := c.l1.Get(ctx, key, otter.LoaderFunc[string, V](func(ctx context.Context, key string) (value V, err error) {
		value, level, err = c.find(ctx, key, load)
		return value, err
	}))
	if err == nil {
		c.metrics.hit(c.opts.Kind, level)
	}
	return found[V]{value, level, err}
}

// find asks L2 and the source.
func (c *Cache[V]) find(ctx context.Context, key string, load Load[V]) (value V, level Level, err error) {
	// Nobody else would recover the panic of a load in this goroutine.
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("cache %s: load panicked: %v\n%s", c.opts.Kind, cause, debug.Stack())
		}
	}()
	epoch := c.epoch.Load()
	if value, ok := c.fromL2(ctx, key); ok {
		return value, FromL2, nil
	}
	if value, err = load(ctx); err == nil {
		c.toL2(ctx, key, value, epoch)
	}
	return value, FromSource, err
}

// Invalidate forgets key here and in L2. Other replicas' L1 is not reached.
// It returns an error if L2 could not be told.
func (c *Cache[V]) Invalidate(ctx context.Context, key string) error {
	c.l1.Invalidate(key)
	c.epoch.Add(1)
	err := c.l2.Delete(ctx, c.key(key))
	c.l1.Invalidate(key) // a load may have read L2 before the deletion
	if err != nil {
		return fmt.Errorf("cache %s: %w", c.opts.Kind, err)
	}
	return nil
}

func (c *Cache[V]) fromL2(ctx context.Context, key string) (value V, ok bool) {
	bounded, cancel := context.WithTimeout(ctx, l2Timeout)
	defer cancel()
	text, _, err := c.l2.Get(bounded, c.key(key))
	if err == nil {
		err = json.Unmarshal(text, &value)
	}
	if err != nil && !errors.Is(err, sidecar.ErrNotFound) {
		c.fault(ctx, "read", err)
	}
	return value, err == nil
}

// toL2 writes what was loaded since epoch, unless something has been invalidated
// meanwhile: the value may be older than that. (Which key it was is not kept;
// a miss too many does no harm.)
func (c *Cache[V]) toL2(ctx context.Context, key string, value V, epoch uint64) {
	if c.epoch.Load() != epoch {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, l2Timeout)
	defer cancel()
	text, err := json.Marshal(value)
	if err == nil {
		err = c.l2.Set(bounded, c.key(key), text, c.opts.TTL)
	}
	if c.epoch.Load() != epoch {
		err = errors.Join(err, c.l2.Delete(bounded, c.key(key)))
	}
	if err != nil {
		c.fault(ctx, "write", err)
	}
}

func (c *Cache[V]) fault(ctx context.Context, op string, err error) {
	c.metrics.fault(c.opts.Kind, op)
	c.log.WarnContext(ctx, "cache degraded", "kind", c.opts.Kind, "op", op, "error", err)
}

// key hides the key, which may be personal, from whoever logs or lists keys.
func (c *Cache[V]) key(key string) string {
	sum := sha256.Sum256([]byte(c.opts.Kind + "\x00" + key))
	return c.opts.Kind + ":" + hex.EncodeToString(sum[:16])
}
