// Package cache keeps lines and the catalogue on two levels.
package cache

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/cache"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Product rules: how long the shared level keeps things.
const (
	subscriberTTL = 4 * time.Hour
	catalogueTTL  = 24 * time.Hour
)

// loadTimeout bounds a load: longer than all attempts that resiliency/ makes
// for KOS, and what the levels around it may take.
const loadTimeout = 15 * time.Second

// all is the key of the one catalogue.
const all = "all"

// Cache implements product.Cache.
type Cache struct {
	subscribers *cache.Cache[product.Subscriber]
	catalogues  *cache.Cache[product.Catalogue]
}

var _ product.Cache = (*Cache)(nil)

// New returns a cache whose shared level is l2, where keyring seals everything.
func New(l2 cache.L2, keyring *seal.Keyring, log *slog.Logger, registerer prometheus.Registerer) *Cache {
	metrics := cache.NewMetrics(registerer)
	options := func(kind string, ttl time.Duration) cache.Options {
		return cache.Options{Kind: kind, TTL: ttl, LoadTimeout: loadTimeout, Sealer: keyring}
	}
	return &Cache{
		subscribers: cache.New[product.Subscriber](options("subscriber", subscriberTTL), l2, log, metrics),
		catalogues:  cache.New[product.Catalogue](options("catalogue", catalogueTTL), l2, log, metrics),
	}
}

// Subscriber implements product.Cache.
func (c *Cache) Subscriber(ctx context.Context, line msisdn.Number, load func(context.Context) (product.Subscriber, error)) (product.Subscriber, error) {
	got, level, err := c.subscribers.Get(ctx, line.Digits(), load)
	telemetry.Annotate(ctx, slog.String("cache", string(level)))
	return got, err
}

// Catalogue implements product.Cache.
func (c *Cache) Catalogue(ctx context.Context, load func(context.Context) (product.Catalogue, error)) (product.Catalogue, error) {
	got, _, err := c.catalogues.Get(ctx, all, load)
	return got, err
}

// Invalidate implements product.Forgetful.
func (c *Cache) Invalidate(ctx context.Context, line msisdn.Number) error {
	return c.subscribers.Invalidate(ctx, line.Digits())
}

// Forget implements product.Forgetful.
func (c *Cache) Forget(line msisdn.Number) { c.subscribers.Forget(line.Digits()) }

// Listening implements product.Forgetful. The catalogue changes for everybody
// alike; nobody is told of that.
func (c *Cache) Listening(told bool) { c.subscribers.Listening(told) }
