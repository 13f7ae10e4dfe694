package billing

import (
	"fmt"
	"time"
)

// benefit is the benefit of a contract with a term.
type benefit int

const (
	_ benefit = iota
	// selective is a discount of 25 % on the monthly fee during the term (선택약정).
	selective
	// subsidy is a discounted device at the start of the term (공시지원금).
	subsidy
)

// Contract is a customer's contract. An expired term is renewed for the same length.
type Contract struct {
	Start   time.Time // at most the 28th, which exists in every month
	months  int       // length of a term; 0: no term
	benefit benefit
}

// elapsed returns the age of the contract on that day, in whole months.
func (c Contract) elapsed(day time.Time) int {
	months := MonthOf(day).Since(MonthOf(c.Start))
	if day.Day() < c.Start.Day() {
		months--
	}
	return max(months, 0)
}

// termStart returns the first day of the term that contains day.
func (c Contract) termStart(day time.Time) time.Time {
	return c.Start.AddDate(0, c.elapsed(day)/c.months*c.months, 0)
}

// TermEnd returns the last day of the term that contains day; ok is false without a term.
func (c Contract) TermEnd(day time.Time) (end time.Time, ok bool) {
	if c.months == 0 {
		return time.Time{}, false
	}
	return c.termStart(day).AddDate(0, c.months, -1), true
}

// Describe returns a description of the term on the given day.
func (c Contract) Describe(day time.Time) string {
	end, bound := c.TermEnd(day)
	if !bound {
		return "무약정"
	}
	kind := map[benefit]string{selective: "선택약정", subsidy: "공시지원금"}[c.benefit]
	return fmt.Sprintf("%s %d개월 (%s ~ %s)", kind, c.months,
		c.termStart(day).Format(time.DateOnly), end.Format(time.DateOnly))
}

// terminationFee returns the fee for termination on the given day with that plan. It decreases with
// each month of the term.
func (c Contract) terminationFee(plan Plan, day time.Time) Won {
	if c.months == 0 {
		return 0
	}
	remaining := c.months - c.elapsed(day)%c.months // a started month counts in full
	percent := map[benefit]Won{selective: 10, subsidy: 25}[c.benefit]
	return plan.MonthlyFee.share(percent) * Won(remaining)
}

// drawContract returns the generated contract of a line.
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
