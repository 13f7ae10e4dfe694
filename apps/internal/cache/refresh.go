package cache

import (
	"context"
	"errors"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// Known returns the value of key if one of the levels has it. It asks no
// source, keeps nothing and counts nothing.
func (c *Cache[V]) Known(ctx context.Context, key string) (V, bool) {
	if value, ok := c.l1.GetIfPresent(key); ok && !c.deaf.Load() {
		return value, true
	}
	value, state := c.fromL2(ctx, key)
	return value, state == present
}

// Refresh asks the source for what may well be known, and has L2 hold that
// instead, unless it was forgotten or written by somebody else meanwhile. This
// process then reads it from there; others do when their L1 has expired. Until
// then all go on with what they have.
func (c *Cache[V]) Refresh(ctx context.Context, key string, load Load[V]) (V, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.LoadTimeout)
	defer cancel()
	hidden := c.key(key)
	text, etag, missed := c.get(ctx, hidden)
	value, err := load(ctx)
	if err != nil {
		return value, err
	}
	if missed != nil && !errors.Is(missed, sidecar.ErrNotFound) {
		c.fault(ctx, "read", missed)
		return value, nil
	}
	if missed == nil {
		held, err := c.unpack(ctx, hidden, text)
		if err != nil || held.Value == nil {
			return value, nil // a tombstone, or nobody knows what
		}
	}
	fresh, err := c.pack(ctx, hidden, entry[V]{Value: &value})
	if err == nil {
		err = c.setIf(ctx, hidden, fresh, etag, life(value, c.opts.TTL))
	}
	switch {
	case err == nil:
		c.l1.Invalidate(key)
	case !errors.Is(err, sidecar.ErrConflict):
		c.fault(ctx, "write", err)
	}
	return value, nil
}
