// Package cache keeps bills and customers on two levels, and for a moment that
// there are none.
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
	// refusalTTL is how long KOS's answer that there is nothing is believed.
	refusalTTL = 10 * time.Second
)

// loadTimeout bounds a load: longer than all attempts that resiliency/ makes
// for KOS, and what the levels around it may take.
const loadTimeout = 15 * time.Second

// Cache implements bill.Cache.
type Cache struct {
	bills     *cache.Cache[told[bill.Bill]]
	customers *cache.Cache[told[bill.Customer]]
	holders   *cache.Index // ids of customers by line
}

var _ bill.Cache = (*Cache)(nil)

// New returns a cache whose shared level is l2, where keyring seals everything.
func New(l2 cache.L2, keyring *seal.Keyring, log *slog.Logger, registerer prometheus.Registerer) *Cache {
	metrics := cache.NewMetrics(registerer)
	options := func(kind string, ttl time.Duration) cache.Options {
		return cache.Options{Kind: kind, TTL: ttl, LoadTimeout: loadTimeout, Sealer: keyring}
	}
	return &Cache{
		bills:     cache.New[told[bill.Bill]](options("bill", billTTL), l2, log, metrics),
		customers: cache.New[told[bill.Customer]](options("customer", customerTTL), l2, log, metrics),
		holders:   cache.NewIndex(),
	}
}

// told is what KOS said: something, or the code of its refusal.
type told[V any] struct {
	Value   V      `json:"value,omitzero"`
	Refusal string `json:"refusal,omitempty"`
}

// Life implements cache.Brief.
func (t told[V]) Life() time.Duration {
	if t.Refusal != "" {
		return refusalTTL
	}
	return 0
}

// get reverts what keep does.
func (t told[V]) get() (V, error) {
	for _, refusal := range bill.Refusals() {
		if refusal.Code == t.Refusal {
			return t.Value, refusal
		}
	}
	return t.Value, nil
}

// keep returns a load that keeps KOS's refusals too, but no faults.
func keep[V any](load func(context.Context) (V, error)) cache.Load[told[V]] {
	return func(ctx context.Context) (told[V], error) {
		value, err := load(ctx)
		for _, refusal := range bill.Refusals() {
			if errors.Is(err, refusal) && !errors.Is(err, bill.ErrUnasked) {
				return told[V]{Refusal: refusal.Code}, nil
			}
		}
		return told[V]{Value: value}, err
	}
}

// Bill implements bill.Cache.
func (c *Cache) Bill(ctx context.Context, s bill.Subscription, month bill.Month, load bill.LoadBill) (bill.Bill, error) {
	got, level, err := c.bills.Get(ctx, c.billKey(s, month), keep(load))
	telemetry.Annotate(ctx, slog.String("cache", string(level)))
	if err != nil {
		return bill.Bill{}, err
	}
	return got.get()
}

// Customer implements bill.Cache.
func (c *Cache) Customer(ctx context.Context, s bill.Subscription, load bill.LoadCustomer) (bill.Customer, error) {
	got, _, err := c.customers.Get(ctx, c.customerKey(s), keep(load))
	if err != nil {
		return bill.Customer{}, err
	}
	return got.get()
}

// RenewBill implements bill.Renewal.
func (c *Cache) RenewBill(ctx context.Context, s bill.Subscription, month bill.Month, load bill.LoadBill) (bill.Bill, error) {
	got, err := c.bills.Refresh(ctx, c.billKey(s, month), keep(load))
	if err != nil {
		return bill.Bill{}, err
	}
	return got.get()
}

// RenewCustomer implements bill.Renewal.
func (c *Cache) RenewCustomer(ctx context.Context, s bill.Subscription, load bill.LoadCustomer) (bill.Customer, error) {
	got, err := c.customers.Refresh(ctx, c.customerKey(s), keep(load))
	if err != nil {
		return bill.Customer{}, err
	}
	return got.get()
}

// Knows implements bill.Renewal.
func (c *Cache) Knows(ctx context.Context, s bill.Subscription, month bill.Month) (known bool) {
	if month == bill.TheCustomer {
		_, known = c.customers.Known(ctx, c.customerKey(s))
		return known
	}
	_, known = c.bills.Known(ctx, c.billKey(s, month))
	return known
}

// Invalidate implements bill.Cache.
func (c *Cache) Invalidate(ctx context.Context, s bill.Subscription, months ...bill.Month) error {
	var faults []error
	for _, month := range months {
		if month == bill.TheCustomer {
			faults = append(faults, c.customers.Invalidate(ctx, c.customerKey(s)))
		} else {
			faults = append(faults, c.bills.Invalidate(ctx, c.billKey(s, month)))
		}
	}
	return errors.Join(faults...)
}

// Forget implements bill.Cache.
func (c *Cache) Forget(line msisdn.Number, months ...bill.Month) {
	for _, customer := range c.holders.Keys(line.Digits()) {
		c.ForgetSubscription(bill.Subscription{Customer: customer, Line: line}, months...)
	}
}

// ForgetSubscription implements bill.Cache.
func (c *Cache) ForgetSubscription(s bill.Subscription, months ...bill.Month) {
	for _, month := range months {
		if month == bill.TheCustomer {
			c.customers.Forget(c.customerKey(s))
		} else {
			c.bills.Forget(c.billKey(s, month))
		}
	}
}

// Listening implements bill.Cache.
func (c *Cache) Listening(told bool) {
	c.customers.Listening(told)
	c.bills.Listening(told)
}

// shape is part of the keys: software that writes another one does not meet
// this one's values.
const shape = "subscription "

// key returns what a subscription's keys begin with. Ids of customers have no
// spaces.
func (c *Cache) key(s bill.Subscription) string {
	c.holders.Use(s.Line.Digits(), s.Customer)
	return shape + s.Customer + " " + s.Line.Digits()
}

func (c *Cache) billKey(s bill.Subscription, month bill.Month) string {
	return c.key(s) + " " + string(month)
}

func (c *Cache) customerKey(s bill.Subscription) string { return c.key(s) }
