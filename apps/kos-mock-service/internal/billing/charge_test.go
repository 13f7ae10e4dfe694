package billing_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
)

// piece is a charge in a short form.
type piece struct {
	Code, From, To string
	Amount         billing.Won
}

func pieces(b billing.Bill) []piece {
	var all []piece
	for _, c := range b.Charges {
		all = append(all, piece{c.Plan.Code, c.From.Format(time.DateOnly), c.To.Format(time.DateOnly), c.Amount})
	}
	return all
}

func TestPlansOfAMonthAreChargedByTheDay(t *testing.T) {
	t.Parallel()
	order := func(code, from string) billing.Order {
		return billing.Order{ProductCode: code, EffectiveFrom: day(from)}
	}
	tests := map[string]struct {
		orders       []billing.Order // of a line on 5G-STANDARD-001, 69,000 won
		month, today string
		want         []piece
	}{
		"one plan": {nil, "202509", "2025-11-22", []piece{{"5G-STANDARD-001", "2025-09-01", "2025-09-30", 69_000}}},
		"the contract's first month": {nil, "202409", "2025-11-22", []piece{
			{"5G-STANDARD-001", "2024-09-01", "2024-09-30", 69_000},
		}},
		"changed": {[]billing.Order{order("5G-PREMIUM-001", "2025-09-11")}, "202509", "2025-11-22", []piece{
			{"5G-STANDARD-001", "2025-09-01", "2025-09-10", 23_000},
			{"5G-PREMIUM-001", "2025-09-11", "2025-09-30", 59_330}, // 59,333.3…
		}},
		"changed on the first": {[]billing.Order{order("5G-PREMIUM-001", "2025-09-01")}, "202509", "2025-11-22", []piece{
			{"5G-PREMIUM-001", "2025-09-01", "2025-09-30", 89_000},
		}},
		"changed on the last": {[]billing.Order{order("5G-PREMIUM-001", "2025-09-30")}, "202509", "2025-11-22", []piece{
			{"5G-STANDARD-001", "2025-09-01", "2025-09-29", 66_700},
			{"5G-PREMIUM-001", "2025-09-30", "2025-09-30", 2_960},
		}},
		"changed twice on a day": {
			[]billing.Order{order("5G-PREMIUM-001", "2025-09-11"), order("LTE-BASIC-001", "2025-09-11")},
			"202509", "2025-11-22",
			[]piece{{"5G-STANDARD-001", "2025-09-01", "2025-09-10", 23_000}, {"LTE-BASIC-001", "2025-09-11", "2025-09-30", 26_000}},
		},
		"changed and back": {
			[]billing.Order{order("5G-PREMIUM-001", "2025-09-11"), order("5G-STANDARD-001", "2025-09-21")},
			"202509", "2025-11-22",
			[]piece{
				{"5G-STANDARD-001", "2025-09-01", "2025-09-10", 23_000}, {"5G-PREMIUM-001", "2025-09-11", "2025-09-20", 29_660},
				{"5G-STANDARD-001", "2025-09-21", "2025-09-30", 23_000},
			},
		},
		"changed and back on a day": {
			[]billing.Order{order("5G-PREMIUM-001", "2025-09-11"), order("5G-STANDARD-001", "2025-09-11")},
			"202509", "2025-11-22", []piece{{"5G-STANDARD-001", "2025-09-01", "2025-09-30", 69_000}},
		},
		"a scheduled change": {[]billing.Order{order("5G-PREMIUM-001", "2025-11-25")}, "202511", "2025-11-22", []piece{
			{"5G-STANDARD-001", "2025-11-01", "2025-11-30", 69_000},
		}},
		"a change today": {[]billing.Order{order("5G-PREMIUM-001", "2025-11-22")}, "202511", "2025-11-22", []piece{
			{"5G-STANDARD-001", "2025-11-01", "2025-11-21", 48_300}, {"5G-PREMIUM-001", "2025-11-22", "2025-11-30", 26_700},
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			line := testLine(t, "01087654321").With(tc.orders)
			b := bill(t, line, month(t, tc.month), day(tc.today))
			if diff := cmp.Diff(tc.want, pieces(b)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// drawn returns a line of the population with random plan changes, and a month and a day for which
// it has a bill.
func drawn(t *rapid.T) (billing.Line, billing.Month, time.Time) {
	line := billing.PopulationLine(rapid.IntRange(0, 9_999_999).Draw(t, "line"))
	plans := billing.Plans()
	today := day("2025-01-01").AddDate(0, 0, rapid.IntRange(0, 400).Draw(t, "today"))
	m := billing.MonthOf(today).Add(-rapid.IntRange(0, 6).Draw(t, "months ago"))
	if first := billing.MonthOf(line.Contract.Start); m.Before(first) || rapid.Bool().Draw(t, "first month") {
		m = first
	}
	var orders []billing.Order
	from := m.First()
	for range rapid.IntRange(0, 6).Draw(t, "changes") {
		from = from.AddDate(0, 0, rapid.IntRange(0, 12).Draw(t, "days later"))
		if from.Before(line.Contract.Start) {
			continue
		}
		code := plans[rapid.IntRange(0, len(plans)-1).Draw(t, "plan")].Code
		orders = append(orders, billing.Order{ProductCode: code, EffectiveFrom: from})
	}
	return line.With(orders), m, today
}

// Parts add up to sums, no amount is negative, and each day of the contract in the month is charged
// once with the plan of that day.
func TestEveryBillAddsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		line, m, today := drawn(t)
		b, err := billing.BillFor(line, m, today)
		if err != nil {
			t.Fatal(err)
		}
		next := m.First()
		if line.Contract.Start.After(next) {
			next = line.Contract.Start
		}
		var fees, discounts, most billing.Won
		for _, c := range b.Charges {
			if !c.From.Equal(next) || c.To.Before(c.From) || c.Amount < 0 || c.Amount%10 != 0 {
				t.Fatalf("charge %+v, want it from %s", c, next)
			}
			for d := c.From; !d.After(c.To) && !d.After(b.AsOf); d = d.AddDate(0, 0, 1) {
				if line.PlanOn(d).Code != c.Plan.Code {
					t.Fatalf("%s has %s, is charged for %s", d, line.PlanOn(d).Code, c.Plan.Code)
				}
			}
			next = c.To.AddDate(0, 0, 1)
			fees, most = fees+c.Amount, max(most, c.Plan.MonthlyFee)
		}
		if !next.Equal(m.Add(1).First()) {
			t.Fatalf("charged until %s", next)
		}
		for _, d := range b.Discounts {
			discounts += d.Amount
		}
		if fees != b.MonthlyFee() || fees > most || discounts != b.DiscountAmount() || discounts > fees || b.UsageFee < 0 || b.DeviceInstallment < 0 {
			t.Fatalf("parts %+v", b)
		}
		if b.TotalFee() != fees+b.UsageFee-discounts || b.TotalAmount() != b.TotalFee()+b.DeviceInstallment || b.TotalFee() < 0 {
			t.Fatalf("sums %d and %d of %+v", b.TotalFee(), b.TotalAmount(), b)
		}
	})
}
