// Package cache keeps lines and the catalogue on two levels, and for a moment
// that there is no such line.
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

// Product rules: how long the shared level keeps things.
const (
	subscriberTTL = 4 * time.Hour
	catalogueTTL  = 24 * time.Hour
	// refusalTTL is how long KOS's answer that there is no such line is believed.
	refusalTTL = 10 * time.Second
)

// old reports whether something that was told then, and is kept for ttl, has
// less than a quarter of that before it: whoever uses it has it refreshed.
func old(told, now time.Time, ttl time.Duration) bool { return now.Sub(told) > ttl*3/4 }

// loadTimeout bounds a load: longer than all attempts that resiliency/ makes
// for KOS, and what the levels around it may take.
const loadTimeout = 15 * time.Second

// all is the key of the one catalogue.
const all = "all"

// Cache implements product.Cache.
type Cache struct {
	subscribers *cache.Cache[told]
	catalogues  *cache.Cache[product.Catalogue]
	holders     *cache.Index // ids of customers by line
	now         func() time.Time
}

var _ product.Cache = (*Cache)(nil)

// Params are what a Cache needs.
type Params struct {
	L2         cache.L2      // that all replicas share
	Keyring    *seal.Keyring // seals everything there
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
		subscribers: cache.New[told](options("subscriber", subscriberTTL), p.L2, p.Log, metrics),
		catalogues:  cache.New[product.Catalogue](options("catalogue", catalogueTTL), p.L2, p.Log, metrics),
		holders:     cache.NewIndex(),
		now:         p.Now,
	}
}

// told is what KOS said of a subscription: its plan, that there is no such line,
// or that it is another customer's.
type told struct {
	product.Subscriber

	Unknown bool `json:"unknown,omitempty"`
	Moved   bool `json:"moved,omitempty"`
}

// Life implements cache.Brief.
func (t told) Life() time.Duration {
	if t.Unknown || t.Moved {
		return refusalTTL
	}
	return 0
}

// keep returns a load that keeps KOS's refusal too, but no faults.
func keep(load func(context.Context) (product.Subscriber, error)) cache.Load[told] {
	return func(ctx context.Context) (told, error) {
		got, err := load(ctx)
		switch {
		case errors.Is(err, product.ErrUnknownLine):
			return told{Unknown: true}, nil
		case errors.Is(err, product.ErrLineMoved):
			return told{Moved: true}, nil
		}
		return told{Subscriber: got}, err
	}
}

// renew returns a load that keeps no refusal: what it was to replace has been
// forgotten if need be.
func renew(load func(context.Context) (product.Subscriber, error)) cache.Load[told] {
	return func(ctx context.Context) (told, error) {
		got, err := keep(load)(ctx)
		if err == nil && got.Moved {
			err = product.ErrLineMoved
		}
		return got, err
	}
}

// key tells subscriptions apart. Ids of customers have no spaces.
func (c *Cache) key(s product.Subscription) string {
	c.holders.Use(s.Line.Digits(), s.Customer)
	return s.Customer + " " + s.Line.Digits()
}

// Subscriber implements product.Cache.
func (c *Cache) Subscriber(ctx context.Context, s product.Subscription, source product.Source[product.Subscriber]) (product.Subscriber, error) {
	key := c.key(s)
	got, level, err := c.subscribers.Get(ctx, key, keep(source.Ask))
	telemetry.Annotate(ctx, slog.String("cache", string(level)))
	switch {
	case err != nil:
		return product.Subscriber{}, err
	case got.Unknown:
		return product.Subscriber{}, product.ErrUnknownLine
	case got.Moved:
		return product.Subscriber{}, product.ErrLineMoved
	case old(got.AsOf, c.now(), subscriberTTL):
		c.subscribers.RefreshAhead(ctx, key, renew(source.Ahead))
	}
	return got.Subscriber, nil
}

// Catalogue implements product.Cache.
func (c *Cache) Catalogue(ctx context.Context, source product.Source[product.Catalogue]) (product.Catalogue, error) {
	got, _, err := c.catalogues.Get(ctx, all, source.Ask)
	if err == nil && old(got.AsOf, c.now(), catalogueTTL) {
		c.catalogues.RefreshAhead(ctx, all, source.Ahead)
	}
	return got, err
}

// Invalidate implements product.Forgetful.
func (c *Cache) Invalidate(ctx context.Context, s product.Subscription) error {
	return c.subscribers.Invalidate(ctx, c.key(s))
}

// Forget implements product.Forgetful.
func (c *Cache) Forget(line msisdn.Number) {
	for _, customer := range c.holders.Keys(line.Digits()) {
		c.subscribers.Forget(c.key(product.Subscription{Customer: customer, Line: line}))
	}
}

// Listening implements product.Forgetful. The catalogue changes for everybody
// alike; nobody is told of that.
func (c *Cache) Listening(told bool) { c.subscribers.Listening(told) }
