package pages

import (
	"github.com/phonebill/phonebill/apps/web-portal/internal/text"
	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

// Usage is what a line has used of an allowance this month, as KOS words both.
type Usage struct {
	Kind    string // data, voice or messages
	Used    string
	Allowed string // empty if the plan of the bill is not known
	// Percent is the used part of a limited allowance, rounded down. It may exceed 100.
	Percent int
	Limited bool
}

// Spent reports whether nothing of the allowance is left.
func (u Usage) Spent() bool { return u.Limited && u.Percent >= full }

// Scarce reports whether little of the allowance is left.
func (u Usage) Scarce() bool { return u.Limited && u.Percent >= scarce && !u.Spent() }

// Shown returns Percent for a meter, which ends at the allowance.
func (u Usage) Shown() int { return min(u.Percent, full) }

// Percentages of an allowance.
const (
	scarce = 80
	full   = 100
)

// Usages returns the usage of the month. KOS applies the allowances of the plan that the bill names to the
// whole month; the line may have another plan by now.
func (h Home) Usages() []Usage {
	used := h.Bill.Value.Bill.Usage
	var plan upstream.Plan
	if h.Subscriber.OK() && h.Subscriber.Value.Plan.Code == h.Bill.Value.Bill.PlanCode {
		plan = h.Subscriber.Value.Plan
	}
	return []Usage{newUsage("data", used.Data, plan.Data), newUsage("voice", used.Voice, plan.Voice), newUsage("messages", used.SMS, plan.SMS)}
}

func newUsage(kind, used, allowed string) Usage {
	u := Usage{Kind: kind, Used: used, Allowed: allowed}
	part, unit, ok := text.Amount(used)
	all, allUnit, limited := text.Amount(allowed)
	if ok && limited && unit == allUnit && all > 0 {
		u.Limited, u.Percent = true, int(part*full/all)
	}
	return u
}
