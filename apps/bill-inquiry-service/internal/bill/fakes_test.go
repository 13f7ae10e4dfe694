package bill_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

const line = msisdn.Number("01012345678")

var (
	asker      = bill.Asker{UserID: "testuser01", CustomerID: holder.ID, Lines: []msisdn.Number{line}}
	holder     = bill.Customer{ID: "CUST001"}
	noon       = time.Date(2026, 11, 22, 12, 0, 0, 0, bill.Seoul)
	errOutage  = fmt.Errorf("kos: %w", bill.ErrUnavailable)
	errBreaker = fmt.Errorf("kos: %w", errors.Join(bill.ErrUnavailable, bill.ErrNotAsked))
	current    = bill.Bill{Line: line, Month: "2026-11", Customer: holder, Charges: bill.Charges{Total: 53_900}}
	past       = bill.Bill{Line: line, Month: "2026-10", Final: true, Customer: holder, Charges: bill.Charges{Total: 1_089_000}}
)

// noCache asks the source each time, in the background, as the real one does.
type noCache struct{}

func (noCache) Bill(ctx context.Context, _ bill.Subscription, _ bill.Month, load bill.LoadBill) (bill.Bill, error) {
	return inBackground(ctx, load)
}

func (noCache) Customer(ctx context.Context, _ bill.Subscription, load bill.LoadCustomer) (bill.Customer, error) {
	return inBackground(ctx, load)
}

func (noCache) RenewBill(ctx context.Context, _ bill.Subscription, _ bill.Month, load bill.LoadBill) (bill.Bill, error) {
	return load(ctx)
}

func (noCache) RenewCustomer(ctx context.Context, _ bill.Subscription, load bill.LoadCustomer) (bill.Customer, error) {
	return load(ctx)
}

func (noCache) Knows(context.Context, bill.Subscription, bill.Month) bool { return false }

func (noCache) Invalidate(context.Context, bill.Subscription, ...bill.Month) error { return nil }
func (noCache) ForgetSubscription(bill.Subscription, ...bill.Month)                {}
func (noCache) Forget(msisdn.Number, ...bill.Month)                                {}
func (noCache) Listening(bool)                                                     {}

// noting is a cache that notes what is invalidated.
type noting struct {
	noCache

	invalidated []bill.Subscription
}

func (n *noting) Invalidate(_ context.Context, s bill.Subscription, _ ...bill.Month) error {
	n.invalidated = append(n.invalidated, s)
	return nil
}

func inBackground[V any](ctx context.Context, load func(context.Context) (V, error)) (V, error) {
	type result struct {
		value V
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := load(context.WithoutCancel(ctx))
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

// carrier answers with what its fields say, after delay. It never answers about
// the bad line.
type carrier struct {
	bill        bill.Bill
	customer    bill.Customer
	billErr     error // of bills only
	customerErr error // of customers only
	delay       time.Duration
	bad         msisdn.Number
	calls       atomic.Int32

	mu  sync.Mutex
	err error
}

func (c *carrier) set(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

func (c *carrier) Bill(_ context.Context, _ string, line msisdn.Number, _ bill.Month) (bill.Bill, error) {
	c.calls.Add(1)
	<-time.After(c.delay)
	if line == c.bad {
		return bill.Bill{}, errOutage
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	got := c.bill
	got.AsOf = time.Now()
	return got, errors.Join(c.err, c.billErr)
}

func (c *carrier) Customer(context.Context, string, msisdn.Number) (bill.Customer, error) {
	<-time.After(c.delay)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.customer, errors.Join(c.err, c.customerErr)
}

// archive is a map of one line's bills; err fails everything.
type archive struct {
	mu    sync.Mutex
	kept  map[bill.Month]bill.Bill
	moved []bill.Subscription
	older []bill.Bill // kept without their customer
	err   error
}

func (a *archive) Moved(_ context.Context, s bill.Subscription, _ time.Time) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil || slices.Contains(a.moved, s) {
		return false, a.err
	}
	a.moved = append(a.moved, s)
	return true, nil
}

func (a *archive) Holders(context.Context, msisdn.Number) ([]string, error) {
	return []string{holder.ID}, a.err
}

func (a *archive) KeepUnattributed(_ context.Context, b bill.Bill) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.older = append(a.older, b)
	return a.err
}

func (a *archive) Find(_ context.Context, s bill.Subscription, month bill.Month) (bill.Bill, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return bill.Bill{}, a.err
	}
	b, ok := a.kept[month]
	if ok && b.Customer.ID == s.Customer && (b.Final || !slices.Contains(a.moved, s)) {
		return b, nil
	}
	return bill.Bill{}, bill.ErrNotKept
}

func (a *archive) Keep(_ context.Context, b bill.Bill) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return a.err
	}
	if a.kept == nil {
		a.kept = map[bill.Month]bill.Bill{}
	}
	a.kept[b.Month] = b
	return nil
}

func (a *archive) Forget(_ context.Context, _ msisdn.Number, month bill.Month, _ time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.kept[month].Final {
		delete(a.kept, month)
	}
	return a.err
}

// history remembers what was appended, in order.
type history struct {
	mu      sync.Mutex
	records []bill.Record
	asked   bill.Filter
}

func (h *history) Append(_ context.Context, r bill.Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.records = append(h.records, r)
}

func (h *history) Find(_ context.Context, userID, requestID string) (bill.Record, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range slices.Backward(h.records) { // the last word on it
		if r.RequestID == requestID && r.UserID == userID {
			return r, nil
		}
	}
	return bill.Record{}, bill.ErrNoInquiry
}

func (h *history) List(_ context.Context, f bill.Filter) (bill.Page, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = f
	return bill.Page{Records: append([]bill.Record(nil), h.records...), Total: len(h.records)}, nil
}

func (h *history) statuses() []bill.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []bill.Status
	for _, r := range h.records {
		all = append(all, r.Status)
	}
	return all
}

// meter notes how inquiries were answered and what came of what waited.
type meter struct {
	mu       sync.Mutex
	answers  []bill.Answer
	outcomes []string
}

func (m *meter) Answered(how bill.Answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answers = append(m.answers, how)
}

func (m *meter) Fetched(class bill.Class, outcome string, _ time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.outcomes = append(m.outcomes, class.String()+" "+outcome)
}

func (m *meter) Prefetched(reason, outcome string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.outcomes = append(m.outcomes, reason+" "+outcome)
}

// told returns what was noted.
func (m *meter) told() (answers []bill.Answer, outcomes []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.answers), slices.Clone(m.outcomes)
}

// knows is a cache that has some things.
type knows struct {
	noCache

	subjects []bill.Subject
}

func (k *knows) Knows(_ context.Context, s bill.Subscription, month bill.Month) bool {
	return slices.Contains(k.subjects, bill.Subject{Line: s.Line, Month: month})
}

// activity is that of some lines, and notes what it was asked.
type activity struct {
	lines []msisdn.Number
	asked int
	limit int
}

func (a *activity) Active(_ context.Context, _, _ time.Time, _ bill.Month, limit int) (active []bill.Subscription, err error) {
	a.asked, a.limit = a.asked+1, limit
	for _, line := range a.lines[:min(limit, len(a.lines))] {
		active = append(active, bill.Subscription{Customer: holder.ID, Line: line})
	}
	return active, nil
}

var errBroken = errors.New("broken")
