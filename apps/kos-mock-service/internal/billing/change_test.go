package billing_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
)

// memoryLog is an in-memory OrderLog without concurrency.
type memoryLog struct {
	now    time.Time
	lines  memory
	placed []billing.Placed
}

// newOrders returns orders on an empty log, one second after midnight of the given day in Korea.
func newOrders(text string) (*memoryLog, *billing.Orders) {
	book := &memoryLog{lines: memory{}}
	book.setDay(day(text))
	return book, billing.NewOrders(book)
}

// setDay advances the clock to the given day.
func (b *memoryLog) setDay(today time.Time) { b.now = today.Add(-9*time.Hour + time.Second) }

func (b *memoryLog) today() time.Time { return billing.Today(b.now) }

func (b *memoryLog) Placed(_ context.Context, requestID string) (billing.Placed, bool, error) {
	for _, placed := range b.placed {
		if placed.RequestID == requestID {
			return placed, true, nil
		}
	}
	return billing.Placed{}, false, nil
}

func (b *memoryLog) Place(ctx context.Context, change billing.Change, decide billing.Decide) (billing.Placed, error) {
	if placed, known, _ := b.Placed(ctx, change.RequestID); known {
		return placed, nil
	}
	record := b.lines[change.Number]
	decision, err := decide(b.now, record)
	if err != nil {
		return billing.Placed{}, err
	}
	placed := billing.Placed{ID: int64(len(b.placed) + 1), Change: change, Decision: decision, CreatedAt: b.now}
	b.placed = append(b.placed, placed)
	if decision.Refusal == nil {
		record.Orders = append(record.Orders, billing.Order{ProductCode: change.Target, EffectiveFrom: decision.EffectiveFrom})
		b.lines[change.Number] = record
	}
	return placed, nil
}

// line returns the line with its orders.
func (b *memoryLog) line(t *testing.T, number msisdn.Number) billing.Line {
	t.Helper()
	line, err := billing.NewDirectory(b.lines).Find(t.Context(), number, 1)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// order returns an order for the line of CUST004, which has LTE-BASIC-001.
func order(requestID, target string) billing.Change {
	return billing.Change{
		RequestID: requestID, Client: "product-change-service",
		Number: "01099998888", Current: "LTE-BASIC-001", Target: target,
	}
}

func place(t *testing.T, orders *billing.Orders, change billing.Change) billing.Placed {
	t.Helper()
	placed, err := orders.Place(t.Context(), change, 1)
	if err != nil {
		t.Fatalf("%s: %v", change.RequestID, err)
	}
	return placed
}

func TestOrderIsAppliedAtOnce(t *testing.T) {
	t.Parallel()
	for name, on := range map[string]time.Time{"no day": {}, "today": day("2026-01-17")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			book, orders := newOrders("2026-01-17")
			change := order("r-1", "5G-PREMIUM-001")
			change.On = on
			want := billing.Placed{
				ID: 1, Change: change, CreatedAt: book.now,
				Decision: billing.Decision{EffectiveFrom: day("2026-01-17"), AppliedAt: book.now},
			}
			placed := place(t, orders, change)
			if diff := cmp.Diff(want, placed); diff != "" {
				t.Error(diff)
			}
			if placed.Scheduled() || !placed.Applied(book.now) || placed.ResultCode() != "0000" || placed.OrderNumber() != "20260117-000001" {
				t.Errorf("got %s, %s, scheduled %v", placed.OrderNumber(), placed.ResultCode(), placed.Scheduled())
			}
			line := book.line(t, change.Number)
			for date, plan := range map[string]string{
				"2025-12-31": "LTE-BASIC-001", "2026-01-16": "LTE-BASIC-001",
				"2026-01-17": "5G-PREMIUM-001", "2026-02-28": "5G-PREMIUM-001",
			} {
				if got := line.PlanOn(day(date)).Code; got != plan {
					t.Errorf("%s: %s", date, got)
				}
			}
		})
	}
}

func TestBillsFollowAnOrder(t *testing.T) {
	t.Parallel()
	book, orders := newOrders("2026-01-17")
	before := bill(t, book.line(t, "01099998888"), month(t, "202512"), book.today())
	place(t, orders, order("r-1", "5G-PREMIUM-001"))
	line := book.line(t, "01099998888")
	if after := bill(t, line, month(t, "202512"), book.today()); describe(before) != describe(after) {
		t.Errorf("a final bill changed:\n%s\n%s", describe(before), describe(after))
	}
	for text, want := range map[string]struct {
		today string
		fee   billing.Won
	}{
		"202601": {"2026-01-17", 20_120 + 43_060}, // 16 days of 39,000 won, 15 of 89,000 won
		"202602": {"2026-04-01", 89_000},
	} {
		if b := bill(t, line, month(t, text), day(want.today)); b.Plan.Code != "5G-PREMIUM-001" || b.MonthlyFee() != want.fee {
			t.Errorf("%s: %s for %d", text, b.Plan.Code, b.MonthlyFee())
		}
	}
}

func TestScheduledOrderSwitchesOnItsDay(t *testing.T) {
	t.Parallel()
	book, orders := newOrders("2026-01-17")
	change := order("r-1", "LTE-PREMIUM-001")
	change.On = day("2026-02-01")
	placed := place(t, orders, change)
	switches := time.Date(2026, 1, 31, 15, 0, 0, 0, time.UTC) // midnight in Korea
	if !placed.Scheduled() || !placed.AppliedAt.Equal(switches) ||
		placed.Applied(switches.Add(-1)) || !placed.Applied(switches) {
		t.Errorf("scheduled %v, applied at %v", placed.Scheduled(), placed.AppliedAt)
	}
	line := book.line(t, change.Number)
	for date, plan := range map[string]string{"2026-01-31": "LTE-BASIC-001", "2026-02-01": "LTE-PREMIUM-001"} {
		if got := line.PlanOn(day(date)).Code; got != plan {
			t.Errorf("%s: %s", date, got)
		}
	}

	// Until then no other order is accepted.
	if got := place(t, orders, order("r-2", "5G-PREMIUM-001")); got.Refusal != billing.ErrChangeIsComing {
		t.Errorf("another order before the day: %+v", got.Decision)
	}
	book.setDay(day("2026-02-01"))
	late := order("r-3", "5G-PREMIUM-001")
	late.Current = "LTE-PREMIUM-001"
	if got := place(t, orders, late); got.Refusal != nil {
		t.Errorf("an order on the day: %v", got.Refusal)
	}
	// A repeat gets the first answer, also after its day.
	if diff := cmp.Diff(placed, place(t, orders, change)); diff != "" {
		t.Error(diff)
	}
}

func TestOrderDaysAreBounded(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"2026-01-16": false, "2026-01-17": true, "2026-01-18": true,
		"2026-03-18": true, "2026-03-19": false, "1999-12-31": false,
	} {
		t.Run(text, func(t *testing.T) {
			book, orders := newOrders("2026-01-17")
			change := order("r-1", "5G-PREMIUM-001")
			change.On = day(text)
			_, err := orders.Place(t.Context(), change, 0)
			if ok != (err == nil) || err != nil && !errors.Is(err, billing.ErrEffectiveDate) {
				t.Errorf("%s: %v", text, err)
			}
			if !ok && len(book.placed) != 0 {
				t.Errorf("%s: was accepted", text)
			}
		})
	}
}

func TestOrdersAreRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		number          msisdn.Number
		current, target string
		want            *billing.Refusal
		code            string
	}{
		"unknown line":       {"01077770000", "LTE-BASIC-001", "5G-PREMIUM-001", billing.ErrChangeUnknownLine, "2001"},
		"beyond population":  {"01030000001", "LTE-BASIC-001", "5G-PREMIUM-001", billing.ErrChangeUnknownLine, "2001"},
		"suspended line":     {"01000000000", "LTE-BASIC-001", "5G-PREMIUM-001", billing.ErrChangeNotActive, "2002"},
		"unknown product":    {"01099998888", "LTE-BASIC-001", "6G-001", billing.ErrUnknownProduct, "2003"},
		"not on sale":        {"01099998888", "LTE-BASIC-001", "3G-OLD-001", billing.ErrNotOnSale, "2004"},
		"other operator":     {"01099998888", "LTE-BASIC-001", "LGU-5G-LITE-001", billing.ErrOtherOperator, "2005"},
		"other current plan": {"01099998888", "5G-STANDARD-001", "5G-PREMIUM-001", billing.ErrOtherCurrent, "2006"},
		"unknown current":    {"01099998888", "6G-001", "5G-PREMIUM-001", billing.ErrOtherCurrent, "2006"},
		"the current plan":   {"01099998888", "LTE-BASIC-001", "LTE-BASIC-001", billing.ErrSameProduct, "2099"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			book, orders := newOrders("2026-01-17")
			change := billing.Change{RequestID: "r-1", Client: "c", Number: tc.number, Current: tc.current, Target: tc.target}
			placed := place(t, orders, change)
			if placed.Refusal != tc.want || placed.ResultCode() != tc.code || placed.Applied(book.now) {
				t.Errorf("got %+v", placed.Decision)
			}
			if len(book.lines) != 0 {
				t.Errorf("a refused order is in force: %+v", book.lines)
			}
		})
	}
}
