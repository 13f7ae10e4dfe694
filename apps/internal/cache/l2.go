package cache

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

const (
	// l2Timeout bounds a call of L2, so that one that hangs costs a request less
	// than its source may take. It is longer than resiliency/ allows the store.
	l2Timeout = 700 * time.Millisecond
	// graveTime is how much longer a tombstone stays than a load may take: the
	// store may carry out a write for a while after its caller has given it up.
	graveTime = 15 * time.Second
	// freshTime is how old a tombstone may be to serve for another one as well.
	freshTime = 5 * time.Second
	// dropAttempts bounds how often an invalidation loses against writers.
	dropAttempts = 5
)

// L2 is the part of a state store that a cache needs. See sidecar.State.
type L2 interface {
	Get(ctx context.Context, key string) (value []byte, etag string, err error)
	SetIf(ctx context.Context, key string, value []byte, etag string, ttl time.Duration) error
}

var _ L2 = (*sidecar.State)(nil)

// Sealer encrypts what L2 holds, each for its key: a value that somebody has
// moved to another key is none.
type Sealer interface {
	Seal(ctx context.Context, plain []byte, place string) ([]byte, error)
	Open(ctx context.Context, sealed []byte, place string) ([]byte, error)
}

var _ Sealer = (*seal.Keyring)(nil)

// drop leaves a tombstone in place of whatever L2 holds. Those who drop the same
// key at once do it together: a store takes writes that lose for failures.
func (c *Cache[V]) drop(ctx context.Context, key string) error {
	_, err, _ := c.drops.Do(key, func() (any, error) {
		return nil, c.bury(context.WithoutCancel(ctx), key)
	})
	return err
}

func (c *Cache[V]) bury(ctx context.Context, key string) error {
	for attempt := 1; ; attempt++ {
		text, etag, err := c.get(ctx, key)
		if err != nil && !errors.Is(err, sidecar.ErrNotFound) {
			return err
		}
		now := c.opts.Now()
		if err == nil && c.isFresh(ctx, key, text, now) {
			return nil // it outlives all loads that have begun by now
		}
		tombstone, err := c.pack(ctx, key, entry[V]{Dropped: &now})
		if err == nil {
			err = c.setIf(ctx, key, tombstone, etag, c.opts.LoadTimeout+graveTime)
		}
		if attempt == dropAttempts || !errors.Is(err, sidecar.ErrConflict) {
			return err
		}
	}
}

// isFresh reports whether text is a tombstone that was left just now, by the
// clock of whichever replica. What cannot be read is none.
func (c *Cache[V]) isFresh(ctx context.Context, key string, text []byte, now time.Time) bool {
	held, err := c.unpack(ctx, key, text)
	return err == nil && held.Dropped != nil && now.Sub(*held.Dropped).Abs() < freshTime
}

// entry is what L2 holds of a key: a value or a tombstone.
type entry[V any] struct {
	Value   *V         `json:"value,omitempty"`
	Dropped *time.Time `json:"dropped,omitempty"` // when it was left
}

// pack returns an entry as L2 holds it under key.
func (c *Cache[V]) pack(ctx context.Context, key string, e entry[V]) ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil || c.opts.Sealer == nil {
		return text, err
	}
	return c.opts.Sealer.Seal(ctx, text, key)
}

// unpack reverts pack. What is in clear is not taken for sealed.
func (c *Cache[V]) unpack(ctx context.Context, key string, text []byte) (held entry[V], err error) {
	if c.opts.Sealer != nil {
		if text, err = c.opts.Sealer.Open(ctx, text, key); err != nil {
			return held, err
		}
	}
	err = json.Unmarshal(text, &held)
	return held, err
}

// state is what L2 has to say of a key.
type state int

const (
	present state = iota
	absent        // a value may be written
	closed        // it may not: a tombstone is there, or nobody knows what
)

func (c *Cache[V]) fromL2(ctx context.Context, key string) (V, state) {
	var (
		none V
		held entry[V]
	)
	if _, lately := c.forgotten.GetIfPresent(key); lately {
		return none, closed
	}
	hidden := c.key(key)
	text, _, err := c.get(ctx, hidden)
	if errors.Is(err, sidecar.ErrNotFound) {
		return none, absent
	}
	if err == nil {
		held, err = c.unpack(ctx, hidden, text)
	}
	if err != nil {
		c.fault(ctx, "read", err)
	}
	if err != nil || held.Value == nil {
		return none, closed
	}
	return *held.Value, present
}

// toL2 writes a value where nothing is. It returns false if something is there
// by now: a tombstone, or what somebody else has loaded.
func (c *Cache[V]) toL2(ctx context.Context, key string, value V) bool {
	hidden := c.key(key)
	text, err := c.pack(ctx, hidden, entry[V]{Value: &value})
	if err == nil {
		err = c.setIf(ctx, hidden, text, "", life(value, c.opts.TTL))
	}
	if errors.Is(err, sidecar.ErrConflict) {
		return false
	}
	if err != nil {
		c.fault(ctx, "write", err)
	}
	return true
}

func (c *Cache[V]) get(ctx context.Context, key string) (value []byte, etag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, l2Timeout)
	defer cancel()
	return c.l2.Get(ctx, key)
}

func (c *Cache[V]) setIf(ctx context.Context, key string, value []byte, etag string, ttl time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, l2Timeout)
	defer cancel()
	return c.l2.SetIf(ctx, key, value, etag, ttl)
}

func (c *Cache[V]) fault(ctx context.Context, op string, err error) {
	c.metrics.fault(c.opts.Kind, op)
	c.log.WarnContext(ctx, "cache degraded", "kind", c.opts.Kind, "op", op, "error", err)
}
