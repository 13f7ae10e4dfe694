package simulation

import (
	"context"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Product rules: times-to-live in L2. Those of L1 are shorter.
const (
	billTTL     = time.Hour
	customerTTL = 4 * time.Hour
)

// held is a cached value with its expiry.
type held[V any] struct {
	value V
	until time.Time
}

// cache implements bill.Cache.
type cache struct {
	mu        sync.Mutex
	bills     map[bill.Subject]held[bill.Bill]
	customers map[msisdn.Number]held[bill.Customer]
}

func (c *cache) Bill(ctx context.Context, sub bill.Subscription, month bill.Month, load bill.LoadBill) (bill.Bill, error) {
	c.mu.Lock()
	known, ok := c.bills[bill.Subject{Line: sub.Line, Month: month}]
	c.mu.Unlock()
	if ok && time.Now().Before(known.until) {
		return known.value, nil
	}
	return c.RefreshBill(ctx, sub, month, load)
}

func (c *cache) Customer(ctx context.Context, sub bill.Subscription, load bill.LoadCustomer) (bill.Customer, error) {
	c.mu.Lock()
	known, ok := c.customers[sub.Line]
	c.mu.Unlock()
	if ok && time.Now().Before(known.until) {
		return known.value, nil
	}
	return c.RefreshCustomer(ctx, sub, load)
}

func (c *cache) RefreshBill(ctx context.Context, sub bill.Subscription, month bill.Month, load bill.LoadBill) (bill.Bill, error) {
	got, err := load(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.bills[bill.Subject{Line: sub.Line, Month: month}] = held[bill.Bill]{got, time.Now().Add(billTTL)}
	}
	return got, err
}

func (c *cache) RefreshCustomer(ctx context.Context, sub bill.Subscription, load bill.LoadCustomer) (bill.Customer, error) {
	got, err := load(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.customers[sub.Line] = held[bill.Customer]{got, time.Now().Add(customerTTL)}
	}
	return got, err
}

func (c *cache) Has(_ context.Context, sub bill.Subscription, month bill.Month) bool {
	s := bill.Subject{Line: sub.Line, Month: month}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Month == "" {
		return time.Now().Before(c.customers[s.Line].until)
	}
	return time.Now().Before(c.bills[s].until)
}

func (*cache) Invalidate(context.Context, bill.Subscription, ...bill.Month) error { return nil }
func (*cache) EvictSubscription(bill.Subscription, ...bill.Month)                 {}
func (*cache) EvictLine(msisdn.Number, ...bill.Month)                             {}
func (*cache) Listening(bool)                                                     {}
