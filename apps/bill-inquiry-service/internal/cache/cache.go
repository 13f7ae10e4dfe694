// Package cache keeps bills and customers on two levels.
package cache

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/cache"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Product rules: how long the shared level keeps things.
const (
	billTTL     = time.Hour
	customerTTL = 4 * time.Hour
)

// loadTimeout bounds a load: longer than all attempts that resiliency/ makes
// for KOS, and what the levels around it may take.
const loadTimeout = 15 * time.Second

// Cache implements bill.Cache.
type Cache struct {
	bills     *cache.Cache[bill.Bill]
	customers *cache.Cache[bill.Customer]
}

var _ bill.Cache = (*Cache)(nil)

// New returns a cache whose shared level is l2, where keyring seals everything.
func New(l2 cache.L2, keyring *seal.Keyring, log *slog.Logger, registerer prometheus.Registerer) *Cache {
	metrics := cache.NewMetrics(registerer)
	options := func(kind string, ttl time.Duration) cache.Options {
		return cache.Options{Kind: kind, TTL: ttl, LoadTimeout: loadTimeout, Sealer: keyring}
	}
	return &Cache{
		bills:     cache.New[bill.Bill](options("bill", billTTL), l2, log, metrics),
		customers: cache.New[bill.Customer](options("customer", customerTTL), l2, log, metrics),
	}
}

// Bill implements bill.Cache.
func (c *Cache) Bill(ctx context.Context, line msisdn.Number, month bill.Month, load func(context.Context) (bill.Bill, error)) (bill.Bill, error) {
	got, level, err := c.bills.Get(ctx, billKey(line, month), load)
	telemetry.Annotate(ctx, slog.String("cache", string(level)))
	return got, err
}

// Customer implements bill.Cache.
func (c *Cache) Customer(ctx context.Context, line msisdn.Number, load func(context.Context) (bill.Customer, error)) (bill.Customer, error) {
	got, _, err := c.customers.Get(ctx, line.Digits(), load)
	return got, err
}

// Invalidate implements bill.Cache.
func (c *Cache) Invalidate(ctx context.Context, line msisdn.Number, months ...bill.Month) error {
	faults := []error{c.customers.Invalidate(ctx, line.Digits())}
	for _, month := range months {
		faults = append(faults, c.bills.Invalidate(ctx, billKey(line, month)))
	}
	return errors.Join(faults...)
}

// Forget implements bill.Cache.
func (c *Cache) Forget(line msisdn.Number, months ...bill.Month) {
	c.customers.Forget(line.Digits())
	for _, month := range months {
		c.bills.Forget(billKey(line, month))
	}
}

// Listening implements bill.Cache.
func (c *Cache) Listening(told bool) {
	c.customers.Listening(told)
	c.bills.Listening(told)
}

func billKey(line msisdn.Number, month bill.Month) string {
	return line.Digits() + " " + string(month)
}
