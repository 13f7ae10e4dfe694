package cache

import (
	"context"
	"errors"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// Peek returns the value of key if L1 or L2 has it. It does not load, cache or count
// anything.
func (c *Cache[V]) Peek(ctx context.Context, key string) (V, bool) {
	if value, ok := c.l1.GetIfPresent(key); ok && !c.bypassL1.Load() {
		return value, true
	}
	value, state := c.fromL2(ctx, key)
	return value, state == present
}

// Refresh loads the value of key and replaces the one in L2, unless the key was invalidated
// or written meanwhile. This process evicts the key from L1 and reads the new value from L2;
// other replicas serve their old value until it expires in L1.
func (c *Cache[V]) Refresh(ctx context.Context, key string, load Load[V]) (V, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.LoadTimeout)
	defer cancel()
	l2Key := c.key(key)
	text, etag, missed := c.get(ctx, l2Key)
	value, err := load(ctx)
	if err != nil {
		return value, err
	}
	if missed != nil && !errors.Is(missed, sidecar.ErrNotFound) {
		c.fault(ctx, "read", missed)
		return value, nil
	}
	if missed == nil {
		held, err := c.unpack(ctx, l2Key, text)
		if err != nil || held.Value == nil {
			return value, nil // a tombstone, or an unreadable entry
		}
	}
	fresh, err := c.pack(ctx, l2Key, entry[V]{Value: &value})
	if err == nil {
		err = c.setIf(ctx, l2Key, fresh, etag, life(value, c.opts.TTL))
	}
	switch {
	case err == nil:
		c.l1.Invalidate(key)
	case !errors.Is(err, sidecar.ErrConflict):
		c.fault(ctx, "write", err)
	}
	return value, nil
}
