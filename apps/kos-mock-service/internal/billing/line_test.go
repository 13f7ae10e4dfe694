package billing_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
)

func billingNumber(digits string) msisdn.Number { return msisdn.Number(digits) }

func index(t *testing.T, line billing.Line) int {
	t.Helper()
	var n int
	if _, err := fmt.Sscanf(line.Number.Digits(), "0103%07d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTestLines(t *testing.T) {
	t.Parallel()
	type view struct {
		Customer, Plan string
		Fee            billing.Won
		Status         billing.Status
		Operator       billing.Operator
	}
	want := map[string]view{
		"01012345678": {"CUST001", "5G-PREMIUM-001", 89_000, billing.Active, billing.KT},
		"01087654321": {"CUST002", "5G-STANDARD-001", 69_000, billing.Active, billing.KT},
		"01055554444": {"CUST003", "LTE-PREMIUM-001", 59_000, billing.Active, billing.KT},
		"01099998888": {"CUST004", "LTE-BASIC-001", 39_000, billing.Active, billing.KT},
		"01000000000": {"CUST005", "LTE-BASIC-001", 39_000, billing.Suspended, billing.KT},
	}
	for number, want := range want {
		line := testLine(t, number)
		plan := line.PlanOn(day("2025-11-22"))
		got := view{line.Customer.ID, plan.Code, plan.MonthlyFee, line.Status, plan.Operator}
		if diff := cmp.Diff(want, got); diff != "" || line.Customer.Name == "" {
			t.Errorf("%s: %s", number, diff)
		}
	}
}

func TestPopulationFollowsItsRule(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		number   string
		size     int
		customer string // "": no such line
	}{
		"first":           {"01030000000", 1, "POP0000000"},
		"last":            {"01030000041", 42, "POP0000041"},
		"beyond":          {"01030000042", 42, ""},
		"none":            {"01030000000", 0, ""},
		"largest":         {"01039999999", 10_000_000, "POP9999999"},
		"another's range": {"01040000000", 10_000_000, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			line, ok := billing.ComputedLine(msisdn.Number(tc.number), tc.size)
			if ok != (tc.customer != "") || line.Customer.ID != tc.customer {
				t.Errorf("got %q, %v", line.Customer.ID, ok)
			}
			if ok && line.Number.Digits() != tc.number {
				t.Errorf("line number is %s", line.Number.Digits())
			}
		})
	}
}

func TestPopulationIsUsable(t *testing.T) {
	t.Parallel()
	for _, line := range sample() {
		if _, err := msisdn.Parse(line.Number.Digits()); err != nil {
			t.Errorf("%s is not a line number", line.Number.Digits())
		}
		if line.Status != billing.Active || line.Customer.Name == "" {
			t.Errorf("%s: %+v", line.Number.Digits(), line.Customer)
		}
		if line.Contract.Start.After(day("2024-12-31")) || line.Contract.Start.Day() > 28 {
			t.Errorf("%s: contract from %v", line.Number.Digits(), line.Contract.Start)
		}
	}
}

func TestPlans(t *testing.T) {
	t.Parallel()
	codes := map[string]bool{}
	discontinued := map[billing.Operator]int{}
	for _, plan := range billing.Plans() {
		if codes[plan.Code] {
			t.Errorf("%s twice", plan.Code)
		}
		codes[plan.Code] = true
		if !plan.OnSale {
			discontinued[plan.Operator]++
		}
		if found, ok := billing.PlanByCode(plan.Code); !ok || found != plan {
			t.Errorf("%s not found", plan.Code)
		}
	}
	if diff := cmp.Diff(map[billing.Operator]int{billing.KT: 1, billing.LGU: 1}, discontinued); diff != "" {
		t.Error(diff)
	}
	if _, ok := billing.PlanByCode("5G-NONE-001"); ok {
		t.Error("found a plan that does not exist")
	}
}

func TestContractDescription(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ number, day, want, end string }{
		"first day":      {"01012345678", "2024-03-15", "선택약정 24개월 (2024-03-15 ~ 2026-03-14)", "2026-03-14"},
		"last day":       {"01012345678", "2026-03-14", "선택약정 24개월 (2024-03-15 ~ 2026-03-14)", "2026-03-14"},
		"renewed":        {"01012345678", "2026-03-15", "선택약정 24개월 (2026-03-15 ~ 2028-03-14)", "2028-03-14"},
		"with a subsidy": {"01087654321", "2025-01-31", "공시지원금 24개월 (2024-09-01 ~ 2026-08-31)", "2026-08-31"},
		"not bound":      {"01099998888", "2025-01-31", "무약정", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			contract := testLine(t, tc.number).Contract
			if got := contract.Describe(day(tc.day)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			end, bound := contract.TermEnd(day(tc.day))
			if bound != (tc.end != "") || bound && end.Format(time.DateOnly) != tc.end {
				t.Errorf("ends %v", end)
			}
		})
	}
}

func TestTodayIsKorean(t *testing.T) {
	t.Parallel()
	for instant, want := range map[string]string{
		"2025-10-31T14:59:59Z": "2025-10-31",
		"2025-10-31T15:00:00Z": "2025-11-01",
	} {
		now, err := time.Parse(time.RFC3339, instant)
		if err != nil {
			t.Fatal(err)
		}
		if got := billing.Today(now).Format(time.DateOnly); got != want {
			t.Errorf("%s is %s, want %s", instant, got, want)
		}
	}
}

func FuzzParseMonth(f *testing.F) {
	for _, seed := range []string{"202510", "202513", "2025-10", "20251", "", "２０２５１０", "199912", "210001"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := billing.ParseMonth(text)
		switch {
		case err != nil && !errors.Is(err, billing.ErrMonth):
			t.Errorf("%q: %v", text, err)
		case err == nil && m.String() != text:
			t.Errorf("%q became %q", text, m)
		case err == nil && (m.First().Day() != 1 || m.Add(1).First().AddDate(0, 0, -1) != m.Last()):
			t.Errorf("%q: %v to %v", text, m.First(), m.Last())
		}
	})
}

// memory is an in-memory Store.
type memory map[msisdn.Number]billing.Record

func (m memory) Record(_ context.Context, number msisdn.Number) (billing.Record, error) {
	if strings.HasSuffix(number.Digits(), "99999999") {
		return billing.Record{}, errors.New("database is unavailable")
	}
	return m[number], nil
}

func (m memory) Open(_ context.Context, number msisdn.Number, line billing.Registration, first billing.Order) error {
	if _, taken := m[number]; !taken {
		m[number] = billing.Record{Registration: &line, Orders: []billing.Order{first}}
	}
	return nil
}

func (m memory) Move(_ context.Context, number msisdn.Number, line billing.Registration, first billing.Order) error {
	m[number] = billing.Record{Registration: &line, Orders: []billing.Order{first}}
	return nil
}

func TestMovedLineBelongsToTheNewCustomerFromToday(t *testing.T) {
	t.Parallel()
	terms := billing.Terms{Today: day("2026-01-17"), Population: 1}
	for _, number := range []msisdn.Number{"01012345678", "01030000000", "01077770003"} {
		lines := memory{number: {Orders: []billing.Order{{ProductCode: "5G-STANDARD-001", EffectiveFrom: day("2026-02-01")}}}}
		directory := billing.NewDirectory(lines)
		moved, err := directory.Move(t.Context(), number, billing.Customer{ID: "CUST900", Name: "나새로"}, terms)
		if err != nil || moved.Customer != (billing.Customer{ID: "CUST900", Name: "나새로"}) || !moved.PlanOn(terms.Today).OnSale {
			t.Errorf("%s: %+v, %v", number.Digits(), moved, err)
		}
		if b := bill(t, moved, billing.MonthOf(terms.Today), terms.Today); b.MonthlyFee() >= b.Plan.MonthlyFee {
			t.Errorf("%s: the first month costs %d won", number.Digits(), b.MonthlyFee())
		}
		if moved.PlanOn(day("2026-03-01")) != moved.PlanOn(terms.Today) {
			t.Errorf("%s: a scheduled change of the former customer was applied", number.Digits())
		}
		if _, err := billing.BillFor(moved, billing.MonthOf(terms.Today).Add(-1), terms.Today); !errors.Is(err, billing.ErrNoBill) {
			t.Errorf("%s: last month: %v", number.Digits(), err)
		}
		again, err := directory.Open(t.Context(), number, "CUST001", terms)
		if err != nil || again.Customer.ID != "CUST900" {
			t.Errorf("%s: customer after Open is %q, %v", number.Digits(), again.Customer.ID, err)
		}
	}
}

func TestOpenGivesSixFinishedBills(t *testing.T) {
	t.Parallel()
	directory := billing.NewDirectory(memory{})
	today := day("2026-01-17")
	line, err := directory.Open(t.Context(), "01077770001", "CUST900", billing.Terms{Today: today})
	if err != nil {
		t.Fatal(err)
	}
	if line.Customer.ID != "CUST900" || line.Customer.Name == "" || !line.PlanOn(today).OnSale {
		t.Errorf("opened %+v", line)
	}
	for n := 1; n <= 6; n++ {
		if b := bill(t, line, billing.MonthOf(today).Add(-n), today); !b.Final || b.MonthlyFee() != b.Plan.MonthlyFee {
			t.Errorf("%d months ago: final %v, %d won", n, b.Final, b.MonthlyFee())
		}
	}
	if _, err := billing.BillFor(line, billing.MonthOf(today).Add(-7), today); !errors.Is(err, billing.ErrNoBill) {
		t.Errorf("seven months ago: %v", err)
	}
}

func TestOpenLeavesExistingLinesUnchanged(t *testing.T) {
	t.Parallel()
	directory := billing.NewDirectory(memory{})
	terms := billing.Terms{Today: day("2026-01-17"), Population: 1}
	if _, err := directory.Open(t.Context(), "01077770002", "CUST901", terms); err != nil {
		t.Fatal(err)
	}
	for number, owner := range map[msisdn.Number]string{
		"01077770002": "CUST901", "01012345678": "CUST001", "01030000000": "POP0000000",
	} {
		line, err := directory.Open(t.Context(), number, "CUST902", terms)
		if err != nil || line.Customer.ID != owner {
			t.Errorf("%s: %q, %v", number.Digits(), line.Customer.ID, err)
		}
		found, err := directory.Find(t.Context(), number, terms.Population)
		if err != nil || found.Customer.ID != owner {
			t.Errorf("%s: found %q, %v", number.Digits(), found.Customer.ID, err)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	changed := billing.Order{ProductCode: "5G-STANDARD-001", EffectiveFrom: day("2025-06-01")}
	directory := billing.NewDirectory(memory{"01012345678": {Orders: []billing.Order{changed}}})
	line, err := directory.Find(t.Context(), "01012345678", 0)
	if err != nil || line.PlanOn(day("2025-06-01")).Code != changed.ProductCode {
		t.Errorf("stored order is ignored: %+v, %v", line, err)
	}
	if _, err := directory.Find(t.Context(), "01077770003", 0); !errors.Is(err, billing.ErrUnknownLine) {
		t.Errorf("unknown line: %v", err)
	}
	var refusal *billing.Refusal
	if _, err := directory.Find(t.Context(), "01099999999", 0); err == nil || errors.As(err, &refusal) {
		t.Errorf("error of a failing store is %v", err)
	}
}
