package billing_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
)

func day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

func month(t *testing.T, text string) billing.Month {
	t.Helper()
	m, err := billing.ParseMonth(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func testLine(t *testing.T, number string) billing.Line {
	t.Helper()
	line, ok := billing.ComputedLine(billingNumber(number), 0)
	if !ok {
		t.Fatalf("no line %s", number)
	}
	return line
}

// sample returns lines of every kind, evenly spaced in the population.
func sample() []billing.Line {
	lines := make([]billing.Line, 0, 200)
	for n := range 200 {
		lines = append(lines, billing.PopulationLine(n*49_999))
	}
	return lines
}

func bill(t *testing.T, line billing.Line, m billing.Month, today time.Time) billing.Bill {
	t.Helper()
	got, err := billing.BillFor(line, m, today)
	if err != nil {
		t.Fatalf("%s as of %s: %v", m, today.Format(time.DateOnly), err)
	}
	return got
}

// describe formats a bill for comparison.
func describe(b billing.Bill) string {
	return fmt.Sprint(b.Line.Customer, b.Plan.Code, b.Month, b.Final, b.AsOf, b.Charges, b.UsageFee, b.Discounts,
		b.Usage, b.BillingDate, b.DueDate, b.PaymentMethod, b.TerminationFee, b.DeviceInstallment)
}

// The values are literal, so that a change of any rule or generated value is noticed: clients keep
// final bills for good.
func TestBillsOfTestLinesArePinned(t *testing.T) {
	t.Parallel()
	type view struct {
		Plan, Data, Voice, SMS, Due, Billing, Method, Contract string
		Fee, Over, Discount, Total, Leave, Device              billing.Won
		Final                                                  bool
	}
	for number, want := range map[string]view{
		"01012345678": {
			"5G-PREMIUM-001", "144.0GB", "428분", "37건", "2025-10-15", "2025-10-01", "신용카드 자동납부", "선택약정 24개월 (2024-03-15 ~ 2026-03-14)",
			89_000, 0, 22_250, 66_750, 53_400, 0, true,
		},
		"01087654321": {
			"5G-STANDARD-001", "107.0GB", "436분", "70건", "2025-10-25", "2025-10-01", "신용카드 자동납부", "공시지원금 24개월 (2024-09-01 ~ 2026-08-31)",
			69_000, 33_000, 0, 102_000, 207_000, 21_111, true,
		},
		"01039049819": {
			"LTE-BASIC-001", "12.0GB", "556분", "86건", "2025-10-15", "2025-10-01", "은행 자동이체", "선택약정 12개월 (2025-08-28 ~ 2026-08-27)",
			39_000, 0, 14_220, 24_780, 42_900, 57_500, true,
		},
	} {
		line, _ := billing.ComputedLine(billingNumber(number), 10_000_000)
		b := bill(t, line, month(t, "202509"), day("2025-11-22"))
		got := view{
			b.Plan.Code, b.Usage.Data(), b.Usage.Voice(), b.Usage.SMS(),
			b.DueDate.Format(time.DateOnly), b.BillingDate.Format(time.DateOnly), b.PaymentMethod,
			b.Line.Contract.Describe(b.AsOf),
			b.MonthlyFee(), b.UsageFee, b.DiscountAmount(), b.TotalFee(), b.TerminationFee, b.DeviceInstallment,
			b.Final,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", number, diff)
		}
	}
}

func TestFinalBillNeverChanges(t *testing.T) {
	t.Parallel()
	for _, line := range sample() {
		m := month(t, "202502")
		first := bill(t, line, m, day("2025-03-01"))
		if !first.Final || !first.AsOf.Equal(day("2025-02-28")) {
			t.Fatalf("%s: final %v as of %v", line.Number.Digits(), first.Final, first.AsOf)
		}
		later := bill(t, billing.PopulationLine(index(t, line)), m, day("2031-07-31"))
		if describe(first) != describe(later) {
			t.Errorf("%s:\n%s\n%s", line.Number.Digits(), describe(first), describe(later))
		}
	}
}

func TestTotalsAddUp(t *testing.T) {
	t.Parallel()
	for _, line := range sample() {
		for m, n := month(t, "202501"), 0; n < 18; n++ {
			b := bill(t, line, m.Add(n), day("2026-06-30"))
			var sum billing.Won
			for _, discount := range b.Discounts {
				sum += discount.Amount
				if discount.Amount <= 0 || discount.Name == "" {
					t.Errorf("%s %s: discount %+v", line.Number.Digits(), b.Month, discount)
				}
			}
			if sum != b.DiscountAmount() || sum > b.MonthlyFee() {
				t.Errorf("%s %s: discounts %d, DiscountAmount %d, fee %d", line.Number.Digits(), b.Month, sum, b.DiscountAmount(), b.MonthlyFee())
			}
			if b.TotalFee() != b.MonthlyFee()+b.UsageFee-sum || b.TotalFee() < 0 {
				t.Errorf("%s %s: total %d", line.Number.Digits(), b.Month, b.TotalFee())
			}
		}
	}
}

func TestOpenMonthGrowsDayByDay(t *testing.T) {
	t.Parallel()
	for _, line := range sample() {
		m := month(t, "202505")
		previous := bill(t, line, m, day("2025-05-01"))
		for n := 2; n <= 31; n++ {
			b := bill(t, line, m, m.Day(n))
			if b.Final {
				t.Fatalf("%s: final on day %d", line.Number.Digits(), n)
			}
			if b.Usage.DataMB < previous.Usage.DataMB || b.Usage.VoiceMinutes < previous.Usage.VoiceMinutes ||
				b.Usage.Messages < previous.Usage.Messages || b.TotalFee() < previous.TotalFee() {
				t.Errorf("%s shrinks on day %d: %+v, %+v", line.Number.Digits(), n, previous.Usage, b.Usage)
			}
			previous = b
		}
		if closed := bill(t, line, m, day("2025-06-01")); closed.Usage != previous.Usage || closed.TotalFee() != previous.TotalFee() {
			t.Errorf("%s: last day %+v, closed %+v", line.Number.Digits(), previous.Usage, closed.Usage)
		}
	}
}

func TestUsageGrowsWithinTheMonth(t *testing.T) {
	t.Parallel()
	m := month(t, "202505")
	for _, line := range sample() {
		early, late := bill(t, line, m, m.Day(3)), bill(t, line, m, m.Day(25))
		if late.Usage.DataMB <= early.Usage.DataMB || late.Usage.VoiceMinutes <= early.Usage.VoiceMinutes {
			t.Errorf("%s: %+v on the 3rd, %+v on the 25th", line.Number.Digits(), early.Usage, late.Usage)
		}
	}
}

func TestTerminationFeeFallsWithinATerm(t *testing.T) {
	t.Parallel()
	for _, line := range sample() {
		end, bound := line.Contract.TermEnd(day("2025-01-01"))
		if !bound {
			if fee := line.TerminationFee(day("2025-01-01")); fee != 0 {
				t.Errorf("%s: termination fee without a term: %d", line.Number.Digits(), fee)
			}
			continue
		}
		previous := line.TerminationFee(day("2025-01-01"))
		for d := day("2025-01-02"); !d.After(end); d = d.AddDate(0, 0, 1) {
			fee := line.TerminationFee(d)
			if fee > previous || fee <= 0 {
				t.Fatalf("%s: %d after %d on %s", line.Number.Digits(), fee, previous, d.Format(time.DateOnly))
			}
			previous = fee
		}
		if renewed := line.TerminationFee(end.AddDate(0, 0, 1)); renewed <= previous {
			t.Errorf("%s: %d after renewal", line.Number.Digits(), renewed)
		}
	}
}

func TestInstalmentsRunOutAndAddUpToAPrice(t *testing.T) {
	t.Parallel()
	paid, ranOut := 0, 0
	for _, line := range sample() {
		end, bound := line.Contract.TermEnd(day("2026-01-15"))
		if !bound {
			continue
		}
		start := end.AddDate(0, 0, 1).AddDate(-2, 0, 0) // term lengths divide 24 months
		var price billing.Won
		last := billing.Won(1)
		for n := range 24 {
			b := bill(t, line, billing.MonthOf(start).Add(n), day("2030-01-01"))
			price, last = price+b.DeviceInstallment, b.DeviceInstallment
		}
		if price%10_000 != 0 {
			t.Errorf("%s: instalments add up to %d", line.Number.Digits(), price)
		}
		if price > 0 {
			paid++
			if last == 0 {
				ranOut++
			}
		}
	}
	if paid == 0 || ranOut == 0 {
		t.Errorf("of %d lines with a device, %d finished paying", paid, ranOut)
	}
}

func TestSampleShowsEveryKindOfBill(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for _, line := range sample() {
		b := bill(t, line, month(t, "202506"), day("2026-06-30"))
		for _, discount := range b.Discounts {
			seen[discount.Name]++
		}
		if b.UsageFee > 0 {
			seen["overage"]++
		}
		seen[b.Plan.Code]++
	}
	want := []string{"선택약정 할인", "가족결합 할인", "장기이용 할인", "overage"}
	for _, plan := range billing.Plans() {
		want = append(want, plan.Code)
	}
	for _, kind := range want {
		if seen[kind] == 0 {
			t.Errorf("no line of the sample has %s: %v", kind, seen)
		}
	}
}

func TestFirstMonthIsBilledByTheDay(t *testing.T) {
	t.Parallel()
	line := testLine(t, "01012345678") // from 2024-03-15: 17 of 31 days
	b := bill(t, line, month(t, "202403"), day("2026-01-01"))
	if want := billing.Won(89_000 * 17 / 31 / 10 * 10); b.MonthlyFee() != want {
		t.Errorf("fee is %d, want %d", b.MonthlyFee(), want)
	}
	whole := bill(t, line, month(t, "202404"), day("2026-01-01"))
	if whole.MonthlyFee() != 89_000 {
		t.Errorf("second month costs %d", whole.MonthlyFee())
	}
}

func TestBillForRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		number, month string
		want          error
	}{
		"suspended":           {"01000000000", "202510", billing.ErrNotActive},
		"before the contract": {"01012345678", "202402", billing.ErrNoBill},
		"future":              {"01012345678", "202512", billing.ErrNoBill},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := billing.BillFor(testLine(t, tc.number), month(t, tc.month), day("2025-11-22"))
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

// A plan change applies from its day and does not change final bills.
func TestOrderChangesThePlanFromItsDay(t *testing.T) {
	t.Parallel()
	before := testLine(t, "01099998888")
	after := before.With([]billing.Order{{ProductCode: "5G-PREMIUM-001", EffectiveFrom: day("2025-10-10")}})
	today := day("2025-11-22")
	for _, tc := range []struct{ month, want string }{
		{"202509", "LTE-BASIC-001"}, {"202510", "5G-PREMIUM-001"}, {"202511", "5G-PREMIUM-001"},
	} {
		if b := bill(t, after, month(t, tc.month), today); b.Plan.Code != tc.want {
			t.Errorf("%s: %s, want %s", tc.month, b.Plan.Code, tc.want)
		}
	}
	if got := bill(t, after, month(t, "202510"), day("2025-10-09")).Plan.Code; got != "LTE-BASIC-001" {
		t.Errorf("the day before: %s", got)
	}
	if before.PlanOn(today).Code != "LTE-BASIC-001" {
		t.Error("With modified its receiver")
	}
}

func BenchmarkBillFor(b *testing.B) {
	line, today := billing.PopulationLine(1), day("2026-06-30")
	m := billing.MonthOf(today)
	for b.Loop() {
		if _, err := billing.BillFor(line, m, today); err != nil {
			b.Fatal(err)
		}
	}
}
