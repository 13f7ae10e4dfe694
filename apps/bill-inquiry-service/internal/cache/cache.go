// Package cache caches bills, customers and negative answers on two levels.
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

// Product rules: time-to-live in L2.
const (
	billTTL     = time.Hour
	customerTTL = 4 * time.Hour
	// refusalTTL is the time-to-live of a refusal of KOS.
	refusalTTL = 10 * time.Second
)

// loadTimeout bounds a load. It is longer than a call of KOS with all retries of
// resiliency/, and the reads and writes of L2 around it.
const loadTimeout = 15 * time.Second

// Cache implements bill.Cache.
type Cache struct {
	bills     *cache.Cache[answer[bill.Bill]]
	customers *cache.Cache[answer[bill.Customer]]
	holders   *cache.Index // ids of customers by line
}

var _ bill.Cache = (*Cache)(nil)

// New returns a cache with l2 as its shared level. Keyring seals the values in l2.
func New(l2 cache.L2, keyring *seal.Keyring, log *slog.Logger, registerer prometheus.Registerer) *Cache {
	metrics := cache.NewMetrics(registerer)
	options := func(kind string, ttl time.Duration) cache.Options {
		return cache.Options{Kind: kind, TTL: ttl, LoadTimeout: loadTimeout, Sealer: keyring}
	}
	return &Cache{
		bills:     cache.New[answer[bill.Bill]](options("bill", billTTL), l2, log, metrics),
		customers: cache.New[answer[bill.Customer]](options("customer", customerTTL), l2, log, metrics),
		holders:   cache.NewIndex(),
	}
}

// answer is a cached answer of KOS: a value, or the code of a refusal.
type answer[V any] struct {
	Value   V      `json:"value,omitzero"`
	Refusal string `json:"refusal,omitempty"`
}

// Life implements cache.Expirer.
func (a answer[V]) Life() time.Duration {
	if a.Refusal != "" {
		return refusalTTL
	}
	return 0
}

// result returns the value, or the refusal as an error. It is the inverse of cacheable.
func (a answer[V]) result() (V, error) {
	for _, refusal := range bill.Refusals() {
		if refusal.Code == a.Refusal {
			return a.Value, refusal
		}
	}
	return a.Value, nil
}

// cacheable returns load with refusals of KOS as values, so that they are cached.
// Faults stay errors.
func cacheable[V any](load func(context.Context) (V, error)) cache.Load[answer[V]] {
	return func(ctx context.Context) (answer[V], error) {
		value, err := load(ctx)
		for _, refusal := range bill.Refusals() {
			if errors.Is(err, refusal) && !errors.Is(err, bill.ErrUncacheable) {
				return answer[V]{Refusal: refusal.Code}, nil
			}
		}
		return answer[V]{Value: value}, err
	}
}

// Bill implements bill.Cache.
func (c *Cache) Bill(ctx context.Context, s bill.Subscription, month bill.Month, load bill.LoadBill) (bill.Bill, error) {
	got, level, err := c.bills.Get(ctx, c.billKey(s, month), cacheable(load))
	telemetry.Annotate(ctx, slog.String("cache", string(level)))
	if err != nil {
		return bill.Bill{}, err
	}
	return got.result()
}

// Customer implements bill.Cache.
func (c *Cache) Customer(ctx context.Context, s bill.Subscription, load bill.LoadCustomer) (bill.Customer, error) {
	got, _, err := c.customers.Get(ctx, c.customerKey(s), cacheable(load))
	if err != nil {
		return bill.Customer{}, err
	}
	return got.result()
}

// RefreshBill implements bill.Refresher.
func (c *Cache) RefreshBill(ctx context.Context, s bill.Subscription, month bill.Month, load bill.LoadBill) (bill.Bill, error) {
	got, err := c.bills.Refresh(ctx, c.billKey(s, month), cacheable(load))
	if err != nil {
		return bill.Bill{}, err
	}
	return got.result()
}

// RefreshCustomer implements bill.Refresher.
func (c *Cache) RefreshCustomer(ctx context.Context, s bill.Subscription, load bill.LoadCustomer) (bill.Customer, error) {
	got, err := c.customers.Refresh(ctx, c.customerKey(s), cacheable(load))
	if err != nil {
		return bill.Customer{}, err
	}
	return got.result()
}

// Has implements bill.Refresher.
func (c *Cache) Has(ctx context.Context, s bill.Subscription, month bill.Month) (known bool) {
	if month == bill.TheCustomer {
		_, known = c.customers.Peek(ctx, c.customerKey(s))
		return known
	}
	_, known = c.bills.Peek(ctx, c.billKey(s, month))
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

// EvictLine implements bill.Cache.
func (c *Cache) EvictLine(line msisdn.Number, months ...bill.Month) {
	for _, customer := range c.holders.Keys(line.Digits()) {
		c.EvictSubscription(bill.Subscription{Customer: customer, Line: line}, months...)
	}
}

// EvictSubscription implements bill.Cache.
func (c *Cache) EvictSubscription(s bill.Subscription, months ...bill.Month) {
	for _, month := range months {
		if month == bill.TheCustomer {
			c.customers.Evict(c.customerKey(s))
		} else {
			c.bills.Evict(c.billKey(s, month))
		}
	}
}

// Listening implements bill.Cache.
func (c *Cache) Listening(listening bool) {
	c.customers.Listening(listening)
	c.bills.Listening(listening)
}

// shape is the prefix of all keys. It differs from those of earlier releases, whose
// values have another form.
const shape = "subscription "

// key returns the prefix of a subscription's keys. Ids of customers have no spaces.
func (c *Cache) key(s bill.Subscription) string {
	c.holders.Use(s.Line.Digits(), s.Customer)
	return shape + s.Customer + " " + s.Line.Digits()
}

func (c *Cache) billKey(s bill.Subscription, month bill.Month) string {
	return c.key(s) + " " + string(month)
}

func (c *Cache) customerKey(s bill.Subscription) string { return c.key(s) }
