// Package cache caches bills and negative answers on two levels.
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

const (
	// billTTL is the time-to-live of a bill in L2. Product rule: an hour.
	billTTL = time.Hour
	// refusalTTL is the time-to-live of a refusal of KOS.
	refusalTTL = 10 * time.Second
)

// loadTimeout bounds a load. It is longer than a call of KOS with all retries of
// resiliency/, and the reads and writes of L2 around it.
const loadTimeout = 15 * time.Second

// Cache implements bill.Cache.
type Cache struct {
	bills   *cache.Cache[answer]
	holders *cache.Index // ids of customers by line
}

var _ bill.Cache = (*Cache)(nil)

// New returns a cache with l2 as its shared level. Keyring seals the values in l2.
func New(l2 cache.L2, keyring *seal.Keyring, log *slog.Logger, registerer prometheus.Registerer) *Cache {
	options := cache.Options{Kind: "bill", TTL: billTTL, LoadTimeout: loadTimeout, Sealer: keyring}
	return &Cache{
		bills:   cache.New[answer](options, l2, log, cache.NewMetrics(registerer)),
		holders: cache.NewIndex(),
	}
}

// answer is a cached answer of KOS: a bill, or the code of a refusal with the customer of
// the line.
type answer struct {
	Value   bill.Bill `json:"value,omitzero"`
	Refusal string    `json:"refusal,omitempty"`
}

// Life implements cache.Expirer.
func (a answer) Life() time.Duration {
	if a.Refusal != "" {
		return refusalTTL
	}
	return 0
}

// result returns the bill, with the refusal as an error. It is the inverse of cacheable.
func (a answer) result() (bill.Bill, error) {
	for _, refusal := range bill.Refusals() {
		if refusal.Code == a.Refusal {
			return a.Value, refusal
		}
	}
	return a.Value, nil
}

// cacheable returns load with refusals of KOS as values, so that they are cached.
// Faults stay errors.
func cacheable(load bill.LoadBill) cache.Load[answer] {
	return func(ctx context.Context) (answer, error) {
		value, err := load(ctx)
		for _, refusal := range bill.Refusals() {
			if errors.Is(err, refusal) && !errors.Is(err, bill.ErrUncacheable) {
				return answer{Value: value, Refusal: refusal.Code}, nil
			}
		}
		return answer{Value: value}, err
	}
}

// Bill implements bill.Cache.
func (c *Cache) Bill(ctx context.Context, s bill.Subscription, month bill.Month, load bill.LoadBill) (bill.Bill, error) {
	got, level, err := c.bills.Get(ctx, c.key(s, month), cacheable(load))
	telemetry.Annotate(ctx, slog.String("cache", string(level)))
	if err != nil {
		return bill.Bill{}, err
	}
	return got.result()
}

// RefreshBill implements bill.Refresher.
func (c *Cache) RefreshBill(ctx context.Context, s bill.Subscription, month bill.Month, load bill.LoadBill) (bill.Bill, error) {
	got, err := c.bills.Refresh(ctx, c.key(s, month), cacheable(load))
	if err != nil {
		return bill.Bill{}, err
	}
	return got.result()
}

// Has implements bill.Refresher.
func (c *Cache) Has(ctx context.Context, s bill.Subscription, month bill.Month) bool {
	_, known := c.bills.Peek(ctx, c.key(s, month))
	return known
}

// Invalidate implements bill.Cache.
func (c *Cache) Invalidate(ctx context.Context, s bill.Subscription, months ...bill.Month) error {
	var faults []error
	for _, month := range months {
		faults = append(faults, c.bills.Invalidate(ctx, c.key(s, month)))
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
		c.bills.Evict(c.key(s, month))
	}
}

// Listening implements bill.Cache.
func (c *Cache) Listening(listening bool) { c.bills.Listening(listening) }

// shape is the prefix of all keys. It differs from those of earlier releases, whose
// values have another form.
const shape = "subscription "

// key returns the key of a bill. Ids of customers have no spaces.
func (c *Cache) key(s bill.Subscription, month bill.Month) string {
	c.holders.Use(s.Line.Digits(), s.Customer)
	return shape + s.Customer + " " + s.Line.Digits() + " " + string(month)
}
