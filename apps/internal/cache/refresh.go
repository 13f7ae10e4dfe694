package cache

import (
	"context"
	"errors"
	"time"

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

// aheadPause is how far apart refreshes of a key ahead of its time begin. It is
// longer than a load takes.
const aheadPause = time.Minute

// RefreshAhead is Refresh in the background, for a value that is used and will
// soon expire: nobody then has to wait for the next one. However many ask for
// it, a process does it once a minute for each key, be it that the source fails.
func (c *Cache[V]) RefreshAhead(ctx context.Context, key string, load Load[V]) {
	if _, first := c.renewed.SetIfAbsent(key, struct{}{}); !first {
		return
	}
	go func() {
		err := c.renew(context.WithoutCancel(ctx), key, load)
		c.metrics.renewed(c.opts.Kind, err)
		if err != nil {
			c.log.DebugContext(ctx, "not refreshed ahead", "kind", c.opts.Kind, "error", err)
		}
	}()
}

func (c *Cache[V]) renew(ctx context.Context, key string, load Load[V]) (err error) {
	defer c.recovered(&err)
	_, err = c.Refresh(ctx, key, load)
	return err
}
