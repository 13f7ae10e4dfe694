package e2e

import (
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
)

// unsound returns the inconsistencies of a bill's amounts, as the existing client reads them: it
// shows totalFee as 총 청구 요금, and the parts below it.
func unsound(b *api.Bill) (faults []string) {
	add := func(wrong bool, fault string) {
		if wrong {
			faults = append(faults, fault)
		}
	}
	var discounts, charges int64
	for _, discount := range b.Discounts {
		discounts += discount.Amount
		add(discount.Amount < 0 || discount.Name == "", "a discount")
	}
	for _, charge := range b.Charges {
		charges += charge.Amount
		add(charge.Amount < 0 || charge.Name == "", "a charge")
	}
	add(b.MonthlyFee != charges, "monthlyFee is not the sum of charges")
	add(b.Discount != discounts, "discountAmount is not the sum of discountInfo")
	add(b.TotalFee != b.MonthlyFee+b.UsageFee-b.Discount, "totalFee")
	add(b.TotalAmount != b.TotalFee+b.Installment, "totalAmount")
	add(min(b.MonthlyFee, b.UsageFee, b.Discount, b.TotalFee, b.Installment) < 0, "a negative amount")
	add(!consecutive(b), "charges do not cover the days of the month once")
	return faults
}

// consecutive reports whether the charges cover each day from the first charged one to the end of
// the month once.
func consecutive(b *api.Bill) bool {
	const form = "20060102"
	month, err := time.Parse("200601", b.Month)
	if err != nil || len(b.Charges) == 0 {
		return false
	}
	next, err := time.Parse(form, b.Charges[0].From)
	if err != nil || next.Before(month) {
		return false
	}
	for _, charge := range b.Charges {
		to, err := time.Parse(form, charge.To)
		if err != nil || charge.From != next.Format(form) || to.Before(next) {
			return false
		}
		next = to.AddDate(0, 0, 1)
	}
	return next.Equal(month.AddDate(0, 1, 0))
}

// TestDemoBillsAreConsistent reads the bills of all demo lines and months through the public API.
func TestDemoBillsAreConsistent(t *testing.T) {
	t.Parallel()
	for user, line := range map[string]string{
		"testuser01": "01012345678", "testuser02": "01087654321", "testuser03": "01055554444", "testuser04": "01099998888",
	} {
		c := demo(t, user)
		for n := range 6 {
			plausible(t, c.Inquire(line, api.Month(n)).OK(t), line, api.Month(n))
		}
	}
}

// A bill of a month with two plans charges both by day.
func TestChangedPlanIsChargedByTheDay(t *testing.T) {
	t.Parallel()
	c := subscriber(t)
	form := newChangeForm(t, c)
	changed := c.Change(form, api.How{}).OK(t)
	showsPlan(t, c, form.Target)
	inquiry := c.see(t, "")
	plausible(t, inquiry, c.Line, api.Month(0))
	day := changed.ProcessedAt.In(api.Seoul)
	want := min(2, day.Day()) // on the first of a month the new plan is the only one
	charges := inquiry.Bill.Charges
	if len(charges) != want || charges[len(charges)-1].From != day.Format("20060102") {
		t.Errorf("changed on %s, charged %+v", day.Format(time.DateOnly), charges)
	}
}
