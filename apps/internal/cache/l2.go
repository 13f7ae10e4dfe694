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
	// l2Timeout bounds a call of L2: a hung store must cost a request less than the
	// source. It is longer than the timeout of resiliency/.
	l2Timeout = 700 * time.Millisecond
	// tombstoneMargin is how much longer a tombstone lives than a load may take: the store
	// may carry out a write after its caller has given up.
	tombstoneMargin = 15 * time.Second
	// tombstoneReuse is the age up to which an invalidation reuses a tombstone.
	tombstoneReuse = 5 * time.Second
	// invalidateAttempts bounds the attempts of an invalidation that conflicts with writes.
	invalidateAttempts = 5
)

// L2 is a state store. See sidecar.State.
type L2 interface {
	Get(ctx context.Context, key string) (value []byte, etag string, err error)
	SetIf(ctx context.Context, key string, value []byte, etag string, ttl time.Duration) error
}

var _ L2 = (*sidecar.State)(nil)

// Sealer encrypts values in L2 and binds each to its key: copied to another key it cannot be
// opened.
type Sealer interface {
	Seal(ctx context.Context, plain []byte, place string) ([]byte, error)
	Open(ctx context.Context, sealed []byte, place string) ([]byte, error)
}

var _ Sealer = (*seal.Keyring)(nil)

// invalidateL2 replaces the entry of key by a tombstone. Concurrent invalidations of a key
// share one write, because the sidecar counts conflicts as failures.
func (c *Cache[V]) invalidateL2(ctx context.Context, key string) error {
	_, err, _ := c.invalidations.Do(key, func() (any, error) {
		return nil, c.putTombstone(context.WithoutCancel(ctx), key)
	})
	return err
}

func (c *Cache[V]) putTombstone(ctx context.Context, key string) error {
	for attempt := 1; ; attempt++ {
		text, etag, err := c.get(ctx, key)
		if err != nil && !errors.Is(err, sidecar.ErrNotFound) {
			return err
		}
		now := c.opts.Now()
		if err == nil && c.isRecentTombstone(ctx, key, text, now) {
			return nil // it outlives all running loads
		}
		tombstone, err := c.pack(ctx, key, entry[V]{Dropped: &now})
		if err == nil {
			err = c.setIf(ctx, key, tombstone, etag, c.opts.LoadTimeout+tombstoneMargin)
		}
		if attempt == invalidateAttempts || !errors.Is(err, sidecar.ErrConflict) {
			return err
		}
	}
}

// isRecentTombstone reports whether text is a tombstone that any replica, by its own clock,
// wrote within tombstoneReuse. An unreadable entry is none.
func (c *Cache[V]) isRecentTombstone(ctx context.Context, key string, text []byte, now time.Time) bool {
	held, err := c.unpack(ctx, key, text)
	return err == nil && held.Dropped != nil && now.Sub(*held.Dropped).Abs() < tombstoneReuse
}

// entry is an entry of L2: a value or a tombstone.
type entry[V any] struct {
	Value   *V         `json:"value,omitempty"`
	Dropped *time.Time `json:"dropped,omitempty"` // when the tombstone was written
}

// pack encodes an entry for key, and seals it if there is a sealer.
func (c *Cache[V]) pack(ctx context.Context, key string, e entry[V]) ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil || c.opts.Sealer == nil {
		return text, err
	}
	return c.opts.Sealer.Seal(ctx, text, key)
}

// unpack decodes an entry of key. With a sealer, an entry in clear is an error.
func (c *Cache[V]) unpack(ctx context.Context, key string, text []byte) (held entry[V], err error) {
	if c.opts.Sealer != nil {
		if text, err = c.opts.Sealer.Open(ctx, text, key); err != nil {
			return held, err
		}
	}
	err = json.Unmarshal(text, &held)
	return held, err
}

// state is the state of a key in L2.
type state int

const (
	present state = iota
	absent        // a value may be written
	closed        // no value may be written: there is a tombstone, or the entry is unknown
)

func (c *Cache[V]) fromL2(ctx context.Context, key string) (V, state) {
	var (
		none V
		held entry[V]
	)
	if _, recently := c.evicted.GetIfPresent(key); recently {
		return none, closed
	}
	l2Key := c.key(key)
	text, _, err := c.get(ctx, l2Key)
	if errors.Is(err, sidecar.ErrNotFound) {
		return none, absent
	}
	if err == nil {
		held, err = c.unpack(ctx, l2Key, text)
	}
	if err != nil {
		c.fault(ctx, "read", err)
	}
	if err != nil || held.Value == nil {
		return none, closed
	}
	return *held.Value, present
}

// toL2 writes a value if L2 has no entry of key. It returns false if there is one by now: a
// tombstone, or a value that another process has loaded.
func (c *Cache[V]) toL2(ctx context.Context, key string, value V) bool {
	l2Key := c.key(key)
	text, err := c.pack(ctx, l2Key, entry[V]{Value: &value})
	if err == nil {
		err = c.setIf(ctx, l2Key, text, "", life(value, c.opts.TTL))
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
