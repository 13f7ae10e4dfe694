package cache

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

const (
	// l2Timeout bounds a call of L2, so that one that hangs costs a request less
	// than its source may take. It is longer than resiliency/ allows the store.
	l2Timeout = 700 * time.Millisecond
	// graveTime is how much longer a tombstone stays than a load may take: the
	// store may carry out a write for a while after its caller has given it up.
	graveTime = 15 * time.Second
	// dropAttempts bounds how often an invalidation loses against writers.
	dropAttempts = 5
)

// L2 is the part of a state store that a cache needs. See sidecar.State.
type L2 interface {
	Get(ctx context.Context, key string) (value []byte, etag string, err error)
	SetIf(ctx context.Context, key string, value []byte, etag string, ttl time.Duration) error
}

var _ L2 = (*sidecar.State)(nil)

// drop leaves a tombstone in place of whatever L2 holds. One that somebody else
// has left meanwhile will do; an older one may go too soon.
func (c *Cache[V]) drop(ctx context.Context, key string) error {
	tombstone, err := json.Marshal(entry[V]{Dropped: true})
	if err != nil {
		return err
	}
	before := ""
	for attempt := range dropAttempts {
		text, etag, seen := c.get(ctx, key)
		if seen != nil && !errors.Is(seen, sidecar.ErrNotFound) {
			return seen
		}
		if attempt > 0 && etag != before && bytes.Equal(text, tombstone) {
			return nil
		}
		before = etag
		err = c.setIf(ctx, key, tombstone, etag, c.opts.LoadTimeout+graveTime)
		if !errors.Is(err, sidecar.ErrConflict) {
			break
		}
	}
	return err
}

// entry is what L2 holds of a key: a value or a tombstone.
type entry[V any] struct {
	Value   *V   `json:"value,omitempty"`
	Dropped bool `json:"dropped,omitempty"`
}

// state is what L2 has to say of a key.
type state int

const (
	present state = iota
	absent        // a value may be written
	closed        // a tombstone is there, or nobody knows what
)

func (c *Cache[V]) fromL2(ctx context.Context, key string) (V, state) {
	var (
		none V
		held entry[V]
	)
	text, _, err := c.get(ctx, c.key(key))
	if errors.Is(err, sidecar.ErrNotFound) {
		return none, absent
	}
	if err == nil {
		err = json.Unmarshal(text, &held)
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
	text, err := json.Marshal(entry[V]{Value: &value})
	if err == nil {
		err = c.setIf(ctx, c.key(key), text, "", c.opts.TTL)
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
