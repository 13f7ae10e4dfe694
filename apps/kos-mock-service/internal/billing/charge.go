package billing

import "time"

// chargesFor returns the charges of the line in the month, as known on the day asOf: later days are
// charged with the plan in force on asOf, days before the contract are not charged. A plan that is
// in force twice in a month has two charges.
//
// A charge is the plan's fee times its days over the days of the month, rounded down to ten won.
// The monthly fee is the sum of the charges. A whole month of one plan costs exactly the plan's
// fee.
func chargesFor(line Line, month Month, asOf time.Time) []Charge {
	var charges []Charge
	for day := later(month.First(), line.Contract.Start); !day.After(month.Last()); day = day.AddDate(0, 0, 1) {
		plan := line.PlanOn(earlier(day, asOf))
		if n := len(charges); n > 0 && charges[n-1].Plan.Code == plan.Code {
			charges[n-1].To = day
			continue
		}
		charges = append(charges, Charge{Plan: plan, From: day, To: day})
	}
	for i := range charges {
		charges[i].Amount = charges[i].prorated(month)
	}
	return charges
}

// prorated returns the part of the plan's fee for the days of the charge.
func (c Charge) prorated(month Month) Won {
	days := c.To.Day() - c.From.Day() + 1
	return (c.Plan.MonthlyFee * Won(days) / Won(month.Last().Day())).rounded()
}

func sumOf(charges []Charge) (sum Won) {
	for _, charge := range charges {
		sum += charge.Amount
	}
	return sum
}
