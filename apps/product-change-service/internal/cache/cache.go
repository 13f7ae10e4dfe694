// Package cache caches subscribers and the catalogue in L1 and L2, and KOS's refusals of
// a line for a short time.
package cache

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/cache"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Product rules: lifetimes in L2.
const (
	subscriberTTL = 4 * time.Hour
	catalogueTTL  = 24 * time.Hour
	// refusalTTL is the lifetime of KOS's answers that there is no such line, or that it
	// is another customer's.
	refusalTTL = 10 * time.Second
)

// refreshDue reports whether a value that KOS gave at asOf is in the last quarter of its
// lifetime ttl. A read then starts a refresh.
func refreshDue(asOf, now time.Time, ttl time.Duration) bool { return now.Sub(asOf) > ttl*3/4 }

// loadTimeout bounds a load. It is longer than all attempts that resiliency/ makes for
// KOS, plus the calls of L2.
const loadTimeout = 15 * time.Second

// catalogueKey is the key of the one catalogue.
const catalogueKey = "all"

// Cache implements product.Cache.
type Cache struct {
	subscribers *cache.Cache[answer]
	catalogues  *cache.Cache[product.Catalogue]
	holders     *cache.Index // customer ids by line
	now         func() time.Time
}

var _ product.Cache = (*Cache)(nil)

// Params are the dependencies of a Cache.
type Params struct {
	L2         cache.L2      // shared by all replicas
	Keyring    *seal.Keyring // seals the values in L2
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
}

// New returns a cache.
func New(p Params) *Cache {
	metrics := cache.NewMetrics(p.Registerer)
	options := func(kind string, ttl time.Duration) cache.Options {
		return cache.Options{Kind: kind, TTL: ttl, LoadTimeout: loadTimeout, Sealer: p.Keyring}
	}
	return &Cache{
		subscribers: cache.New[answer](options("subscriber", subscriberTTL), p.L2, p.Log, metrics),
		catalogues:  cache.New[product.Catalogue](options("catalogue", catalogueTTL), p.L2, p.Log, metrics),
		holders:     cache.NewIndex(),
		now:         p.Now,
	}
}

// answer is KOS's answer for a subscription: its subscriber, or a refusal. Either the line
// is unknown, or it is another customer's.
type answer struct {
	product.Subscriber

	Unknown bool `json:"unknown,omitempty"`
	Moved   bool `json:"moved,omitempty"`
}

// Life implements cache.Brief.
func (a answer) Life() time.Duration {
	if a.Unknown || a.Moved {
		return refusalTTL
	}
	return 0
}

// withRefusals returns a load whose refusals are values, which are cached. Faults stay
// errors.
func withRefusals(load func(context.Context) (product.Subscriber, error)) cache.Load[answer] {
	return func(ctx context.Context) (answer, error) {
		got, err := load(ctx)
		switch {
		case errors.Is(err, product.ErrUnknownLine):
			return answer{Unknown: true}, nil
		case errors.Is(err, product.ErrLineMoved):
			return answer{Moved: true}, nil
		}
		return answer{Subscriber: got}, err
	}
}

// refresh returns a load for a refresh. A line that is another customer's is an error
// here, which leaves the cached value: the source has invalidated it.
func refresh(load func(context.Context) (product.Subscriber, error)) cache.Load[answer] {
	return func(ctx context.Context) (answer, error) {
		got, err := withRefusals(load)(ctx)
		if err == nil && got.Moved {
			err = product.ErrLineMoved
		}
		return got, err
	}
}

// key returns the key of a subscription. Customer ids have no spaces.
func (c *Cache) key(s product.Subscription) string {
	c.holders.Use(s.Line.Digits(), s.Customer)
	return s.Customer + " " + s.Line.Digits()
}

// Subscriber implements product.Cache.
func (c *Cache) Subscriber(ctx context.Context, s product.Subscription, source product.Source[product.Subscriber]) (product.Subscriber, error) {
	key := c.key(s)
	got, level, err := c.subscribers.Get(ctx, key, withRefusals(source.Load))
	telemetry.Annotate(ctx, slog.String("cache", string(level)))
	switch {
	case err != nil:
		return product.Subscriber{}, err
	case got.Unknown:
		return product.Subscriber{}, product.ErrUnknownLine
	case got.Moved:
		return product.Subscriber{}, product.ErrLineMoved
	case refreshDue(got.AsOf, c.now(), subscriberTTL):
		c.subscribers.RefreshAhead(ctx, key, refresh(source.Refresh))
	}
	return got.Subscriber, nil
}

// Catalogue implements product.Cache.
func (c *Cache) Catalogue(ctx context.Context, source product.Source[product.Catalogue]) (product.Catalogue, error) {
	got, _, err := c.catalogues.Get(ctx, catalogueKey, source.Load)
	if err == nil && refreshDue(got.AsOf, c.now(), catalogueTTL) {
		c.catalogues.RefreshAhead(ctx, catalogueKey, source.Refresh)
	}
	return got, err
}

// Invalidate implements product.Invalidator.
func (c *Cache) Invalidate(ctx context.Context, s product.Subscription) error {
	return c.subscribers.Invalidate(ctx, c.key(s))
}

// Evict implements product.Invalidator.
func (c *Cache) Evict(line msisdn.Number) {
	for _, customer := range c.holders.Keys(line.Digits()) {
		c.subscribers.Forget(c.key(product.Subscription{Customer: customer, Line: line}))
	}
}

// Listening implements product.Invalidator. The catalogue is not invalidated.
func (c *Cache) Listening(listening bool) { c.subscribers.Listening(listening) }
