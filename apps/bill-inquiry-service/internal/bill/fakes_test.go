package bill_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

const line = msisdn.Number("01012345678")

var (
	asker     = bill.Asker{UserID: "testuser01", Lines: []msisdn.Number{line}}
	noon      = time.Date(2026, 11, 22, 12, 0, 0, 0, bill.Seoul)
	errOutage = fmt.Errorf("kos: %w", bill.ErrUnavailable)
	current   = bill.Bill{Line: line, Month: "2026-11", Charges: bill.Charges{Total: 53_900}}
	past      = bill.Bill{Line: line, Month: "2026-10", Final: true, Charges: bill.Charges{Total: 1_089_000}}
)

// noCache asks the source each time, in the background, as the real one does.
type noCache struct{}

func (noCache) Bill(ctx context.Context, _ msisdn.Number, _ bill.Month, load func(context.Context) (bill.Bill, error)) (bill.Bill, error) {
	return inBackground(ctx, load)
}

func (noCache) Customer(ctx context.Context, _ msisdn.Number, load func(context.Context) (bill.Customer, error)) (bill.Customer, error) {
	return inBackground(ctx, load)
}

func (noCache) Invalidate(context.Context, msisdn.Number, ...bill.Month) error { return nil }
func (noCache) Forget(msisdn.Number, ...bill.Month)                            {}
func (noCache) Listening(bool)                                                 {}

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

// carrier answers with what its fields say, after delay.
type carrier struct {
	bill     bill.Bill
	customer bill.Customer
	err      error
	delay    time.Duration
	calls    atomic.Int32
}

func (c *carrier) Bill(context.Context, string, msisdn.Number, bill.Month) (bill.Bill, error) {
	c.calls.Add(1)
	<-time.After(c.delay)
	return c.bill, c.err
}

func (c *carrier) Customer(context.Context, string, msisdn.Number) (bill.Customer, error) {
	<-time.After(c.delay)
	return c.customer, c.err
}

// archive is a map; err fails everything.
type archive struct {
	mu   sync.Mutex
	kept map[bill.Month]bill.Bill
	err  error
}

func (a *archive) Find(_ context.Context, _ msisdn.Number, month bill.Month) (bill.Bill, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return bill.Bill{}, a.err
	}
	if b, ok := a.kept[month]; ok {
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
	for _, r := range h.records {
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

// bench is what one test works on.
type bench struct {
	carrier *carrier
	archive *archive
	history *history
	bills   *bill.Bills
	use     *bill.Inquiries
}

func setup(now func() time.Time) *bench {
	b := &bench{carrier: &carrier{bill: current}, archive: &archive{}, history: &history{}}
	b.bills = bill.NewBills(noCache{}, b.archive, b.carrier, now, slog.New(slog.DiscardHandler))
	var ids atomic.Int32
	b.use = bill.NewInquiries(b.bills, b.history, bill.Window{Months: 6}, now, func() string {
		return fmt.Sprintf("request-%d", ids.Add(1))
	})
	return b
}

func always(t time.Time) func() time.Time { return func() time.Time { return t } }

var errBroken = errors.New("broken")
