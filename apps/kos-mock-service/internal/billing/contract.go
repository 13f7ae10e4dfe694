package billing

import (
	"fmt"
	"time"
)

// benefit is what a customer got for binding themselves, if they did.
type benefit int

const (
	_ benefit = iota
	// selective is a quarter off the monthly fee during the term (선택약정).
	selective
	// subsidy is a cheaper device at the start of the term (공시지원금).
	subsidy
)

// Contract is what a customer signed. A term that ends is renewed for as long
// again, as carriers do with customers who stay.
type Contract struct {
	Start   time.Time // a day no later than the 28th, so that it exists in every month
	months  int       // length of a term; 0: not bound
	benefit benefit
}

// elapsed returns how many whole months the contract is old on that day.
func (c Contract) elapsed(day time.Time) int {
	months := MonthOf(day).Since(MonthOf(c.Start))
	if day.Day() < c.Start.Day() {
		months--
	}
	return max(months, 0)
}

// termStart returns the first day of the term that day lies in.
func (c Contract) termStart(day time.Time) time.Time {
	return c.Start.AddDate(0, c.elapsed(day)/c.months*c.months, 0)
}

// TermEnd returns the last day of the term that day lies in; ok is false for a
// customer who is not bound.
func (c Contract) TermEnd(day time.Time) (end time.Time, ok bool) {
	if c.months == 0 {
		return time.Time{}, false
	}
	return c.termStart(day).AddDate(0, c.months, -1), true
}

// Describe says on the given day what the customer is bound to.
func (c Contract) Describe(day time.Time) string {
	end, bound := c.TermEnd(day)
	if !bound {
		return "무약정"
	}
	kind := map[benefit]string{selective: "선택약정", subsidy: "공시지원금"}[c.benefit]
	return fmt.Sprintf("%s %d개월 (%s ~ %s)", kind, c.months,
		c.termStart(day).Format(time.DateOnly), end.Format(time.DateOnly))
}

// terminationFee returns what it costs to leave on the given day with that
// plan: less with each month of the term that has passed.
func (c Contract) terminationFee(plan Plan, day time.Time) Won {
	if c.months == 0 {
		return 0
	}
	remaining := c.months - c.elapsed(day)%c.months // a month begun counts
	percent := map[benefit]Won{selective: 10, subsidy: 25}[c.benefit]
	return plan.MonthlyFee.share(percent) * Won(remaining)
}

// drawContract returns the contract of a line that says nothing else.
func drawContract(start time.Time, d dice) Contract {
	switch roll := d.upTo(100, "contract"); {
	case roll < 45:
		return Contract{start, 24, selective}
	case roll < 65:
		return Contract{start, 12, selective}
	case roll < 85:
		return Contract{start, 24, subsidy}
	}
	return Contract{Start: start}
}
