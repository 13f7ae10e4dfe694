package simulation

import (
	"context"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// billTTL is the time-to-live in L2. That of L1 is shorter. Product rule: an hour.
const billTTL = time.Hour

// held is a cached bill with its expiry.
type held struct {
	value bill.Bill
	until time.Time
}

// cache implements bill.Cache.
type cache struct {
	mu    sync.Mutex
	bills map[bill.Subject]held
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

func (c *cache) RefreshBill(ctx context.Context, sub bill.Subscription, month bill.Month, load bill.LoadBill) (bill.Bill, error) {
	got, err := load(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.bills[bill.Subject{Line: sub.Line, Month: month}] = held{got, time.Now().Add(billTTL)}
	}
	return got, err
}

func (c *cache) Has(_ context.Context, sub bill.Subscription, month bill.Month) bool {
	s := bill.Subject{Line: sub.Line, Month: month}
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Before(c.bills[s].until)
}

func (*cache) Invalidate(context.Context, bill.Subscription, ...bill.Month) error { return nil }
func (*cache) EvictSubscription(bill.Subscription, ...bill.Month)                 {}
func (*cache) EvictLine(msisdn.Number, ...bill.Month)                             {}
func (*cache) Listening(bool)                                                     {}
