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

// refusalTTL is the lifetime of KOS's answers that there is no such line, or that it is
// another customer's.
const refusalTTL = 10 * time.Second

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
}

var _ product.Cache = (*Cache)(nil)

// Params are the dependencies of a Cache.
type Params struct {
	L2         cache.L2      // shared by all replicas
	Keyring    *seal.Keyring // seals the values in L2
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// New returns a cache.
func New(p Params) *Cache {
	metrics := cache.NewMetrics(p.Registerer)
	options := func(kind string, ttl time.Duration) cache.Options {
		return cache.Options{Kind: kind, TTL: ttl, LoadTimeout: loadTimeout, Sealer: p.Keyring}
	}
	return &Cache{
		subscribers: cache.New[answer](options("subscriber", product.SubscriberTTL), p.L2, p.Log, metrics),
		catalogues:  cache.New[product.Catalogue](options("catalogue", product.CatalogueTTL), p.L2, p.Log, metrics),
		holders:     cache.NewIndex(),
	}
}

// answer is KOS's answer for a subscription: its subscriber, or a refusal. Either the line
// is unknown, or it is another customer's.
type answer struct {
	product.Subscriber

	Unknown bool `json:"unknown,omitempty"`
	Moved   bool `json:"moved,omitempty"`
}

// Life implements cache.Expirer.
func (a answer) Life() time.Duration {
	if a.Unknown || a.Moved {
		return refusalTTL
	}
	return 0
}

// withRefusals returns a load whose refusals are values, so that they are cached. Faults
// stay errors.
func withRefusals(load product.LoadSubscriber) cache.Load[answer] {
	return func(ctx context.Context) (answer, error) {
		got, err := load(ctx)
		switch {
		case errors.Is(err, product.ErrUncacheable):
			return answer{}, err
		case errors.Is(err, product.ErrUnknownLine):
			return answer{Unknown: true}, nil
		case errors.Is(err, product.ErrLineMoved):
			return answer{Moved: true}, nil
		}
		return answer{Subscriber: got}, err
	}
}

// result returns the subscriber, or the refusal as an error. It is the inverse of
// withRefusals.
func (a answer) result() (product.Subscriber, error) {
	switch {
	case a.Unknown:
		return product.Subscriber{}, product.ErrUnknownLine
	case a.Moved:
		return product.Subscriber{}, product.ErrLineMoved
	}
	return a.Subscriber, nil
}

// key returns the key of a subscription. Customer ids have no spaces.
func (c *Cache) key(s product.Subscription) string {
	c.holders.Use(s.Line.Digits(), s.Customer)
	return s.Customer + " " + s.Line.Digits()
}

// Subscriber implements product.Cache.
func (c *Cache) Subscriber(ctx context.Context, s product.Subscription, load product.LoadSubscriber) (product.Subscriber, error) {
	got, level, err := c.subscribers.Get(ctx, c.key(s), withRefusals(load))
	telemetry.Annotate(ctx, slog.String("cache", string(level)))
	if err != nil {
		return product.Subscriber{}, err
	}
	return got.result()
}

// RefreshSubscriber implements product.Refresher.
func (c *Cache) RefreshSubscriber(ctx context.Context, s product.Subscription, load product.LoadSubscriber) (product.Subscriber, error) {
	got, err := c.subscribers.Refresh(ctx, c.key(s), withRefusals(load))
	if err != nil {
		return product.Subscriber{}, err
	}
	return got.result()
}

// Catalogue implements product.Cache.
func (c *Cache) Catalogue(ctx context.Context, load product.LoadCatalogue) (product.Catalogue, error) {
	got, _, err := c.catalogues.Get(ctx, catalogueKey, cache.Load[product.Catalogue](load))
	return got, err
}

// RefreshCatalogue implements product.Refresher.
func (c *Cache) RefreshCatalogue(ctx context.Context, load product.LoadCatalogue) (product.Catalogue, error) {
	return c.catalogues.Refresh(ctx, catalogueKey, cache.Load[product.Catalogue](load))
}

// Invalidate implements product.Invalidator.
func (c *Cache) Invalidate(ctx context.Context, s product.Subscription) error {
	return c.subscribers.Invalidate(ctx, c.key(s))
}

// Evict implements product.Invalidator.
func (c *Cache) Evict(line msisdn.Number) {
	for _, customer := range c.holders.Keys(line.Digits()) {
		c.subscribers.Evict(c.key(product.Subscription{Customer: customer, Line: line}))
	}
}

// Listening implements product.Invalidator. The catalogue is not invalidated.
func (c *Cache) Listening(listening bool) { c.subscribers.Listening(listening) }
