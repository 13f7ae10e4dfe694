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
	"github.com/phonebill/phonebill/apps/internal/problem"
)

const line = msisdn.Number("01012345678")

var (
	caller     = bill.Caller{UserID: "testuser01", CustomerID: holder.ID, Lines: []msisdn.Number{line}}
	holder     = bill.Customer{ID: "CUST001"}
	noon       = time.Date(2026, 11, 22, 12, 0, 0, 0, bill.Seoul)
	errOutage  = fmt.Errorf("kos: %w", bill.ErrUnavailable)
	errBreaker = fmt.Errorf("kos: %w", errors.Join(bill.ErrUnavailable, bill.ErrNotCalled))
	current    = bill.Bill{Line: line, Month: "2026-11", Customer: holder, Charges: bill.Charges{Total: 53_900}}
	past       = bill.Bill{Line: line, Month: "2026-10", Final: true, Customer: holder, Charges: bill.Charges{Total: 1_089_000}}
)

// memory is a cache of one level without expiry.
type memory struct {
	mu          sync.Mutex
	bills       map[bill.Query]bill.Bill
	refusals    map[bill.Query]error
	invalidated []bill.Subscription
	off         bool // stores nothing
}

func newMemory() *memory {
	m := &memory{}
	m.clear()
	return m
}

func (m *memory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bills, m.refusals = map[bill.Query]bill.Bill{}, map[bill.Query]error{}
}

func query(s bill.Subscription, month bill.Month) bill.Query {
	return bill.Query{Subscription: s, Month: month}
}

// refused reports whether err is a refusal that caches store.
func refused(err error) bool {
	return !errors.Is(err, bill.ErrUncacheable) && slices.ContainsFunc(bill.Refusals(), func(r *problem.Error) bool { return errors.Is(err, r) })
}

func (m *memory) Bill(ctx context.Context, s bill.Subscription, month bill.Month, load bill.LoadBill) (bill.Bill, error) {
	m.mu.Lock()
	got, known := m.bills[query(s, month)] // with a refusal: the customer
	err := m.refusals[query(s, month)]
	m.mu.Unlock()
	if known || err != nil {
		return got, err
	}
	return m.RefreshBill(ctx, s, month, load)
}

func (m *memory) RefreshBill(ctx context.Context, s bill.Subscription, month bill.Month, load bill.LoadBill) (bill.Bill, error) {
	got, err := load(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.off:
	case err == nil:
		m.bills[query(s, month)] = got
	case refused(err):
		m.bills[query(s, month)], m.refusals[query(s, month)] = got, err
	}
	return got, err
}

func (m *memory) Has(_ context.Context, s bill.Subscription, month bill.Month) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, known := m.bills[query(s, month)]
	return known
}

func (m *memory) Invalidate(_ context.Context, s bill.Subscription, months ...bill.Month) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.invalidated = append(m.invalidated, s)
	for _, month := range months {
		delete(m.bills, query(s, month))
		delete(m.refusals, query(s, month))
	}
	return nil
}

func (*memory) EvictSubscription(bill.Subscription, ...bill.Month) {}
func (*memory) EvictLine(msisdn.Number, ...bill.Month)             {}
func (*memory) Listening(bool)                                     {}

// carrier returns its fields after delay. It returns errOutage for the bad line.
type carrier struct {
	bill          bill.Bill
	customer      bill.Customer
	billErr       error // of bills only
	customerErr   error // of customers only
	delay         time.Duration
	bad           msisdn.Number
	calls         atomic.Int32 // for bills
	customerCalls atomic.Int32

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
	c.customerCalls.Add(1)
	<-time.After(c.delay)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.customer, errors.Join(c.err, c.customerErr)
}

// archive has the bills of one line. If err is set, every method returns it.
type archive struct {
	mu       sync.Mutex
	archived map[bill.Month]bill.Bill
	moved    []bill.Subscription
	reads    int
	err      error
}

func (a *archive) RecordMove(_ context.Context, s bill.Subscription, _ time.Time) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil || slices.Contains(a.moved, s) {
		return false, a.err
	}
	a.moved = append(a.moved, s)
	return true, nil
}

func (a *archive) CustomersOf(context.Context, msisdn.Number) ([]string, error) {
	return []string{holder.ID}, a.err
}

func (a *archive) Find(_ context.Context, s bill.Subscription, month bill.Month) (bill.Bill, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reads++
	if a.err != nil {
		return bill.Bill{}, a.err
	}
	b, ok := a.archived[month]
	if ok && b.Customer.ID == s.Customer && (b.Final || !slices.Contains(a.moved, s)) {
		return b, nil
	}
	return bill.Bill{}, bill.ErrNotArchived
}

func (a *archive) readCount() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reads
}

func (a *archive) Store(_ context.Context, b bill.Bill) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return a.err
	}
	if a.archived == nil {
		a.archived = map[bill.Month]bill.Bill{}
	}
	a.archived[b.Month] = b
	return nil
}

func (a *archive) Invalidate(_ context.Context, _ msisdn.Number, month bill.Month, _ time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.archived[month].Final {
		delete(a.archived, month)
	}
	return a.err
}

// history has the appended records in order.
type history struct {
	mu      sync.Mutex
	records []bill.Record
	filter  bill.Filter
}

func (h *history) Append(_ context.Context, r bill.Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.records = append(h.records, r)
}

func (h *history) Find(_ context.Context, userID, requestID string) (bill.Record, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range slices.Backward(h.records) { // the newest first
		if r.RequestID == requestID && r.UserID == userID {
			return r, nil
		}
	}
	return bill.Record{}, bill.ErrNoInquiry
}

func (h *history) List(_ context.Context, f bill.Filter) (bill.Page, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.filter = f
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

// meter records the answers of inquiries and the outcomes of prefetches.
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

func (m *meter) Prefetched(reason, outcome string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.outcomes = append(m.outcomes, reason+" "+outcome)
}

// noted returns the recorded answers and outcomes.
func (m *meter) noted() (answers []bill.Answer, outcomes []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.answers), slices.Clone(m.outcomes)
}

// activity returns its lines as active, and records the calls.
type activity struct {
	lines []msisdn.Number
	calls int
	limit int
}

func (a *activity) Active(_ context.Context, _, _ time.Time, _ bill.Month, limit int) (active []bill.Subscription, err error) {
	a.calls, a.limit = a.calls+1, limit
	for _, line := range a.lines[:min(limit, len(a.lines))] {
		active = append(active, bill.Subscription{Customer: holder.ID, Line: line})
	}
	return active, nil
}

var errBroken = errors.New("broken")
