package pages

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/phonebill/phonebill/apps/web-portal/internal/text"
	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

// Geometry of the bars, in the units of the view box.
const (
	tallest  = 120
	baseline = 160
	barWidth = 36
	column   = 52
)

// NewMonths returns the months, newest first, with their bars, oldest first.
func NewMonths(months []Month, current string) Months {
	content := Months{Months: months}
	var largest, sum, billed int64
	for _, m := range months {
		content.Waits = content.Waits || m.Value.Waits()
		if m.Value.Bill == nil {
			continue
		}
		largest = max(largest, m.Value.Bill.TotalAmount)
		if !m.Value.Bill.Open() {
			sum += m.Value.Bill.TotalAmount
			billed++
		}
	}
	if billed > 0 {
		content.Average = sum / billed
	}
	for i := range months {
		place := len(months) - 1 - i
		m := &months[i]
		m.Center = 4 + column*place + column/2
		m.X = m.Center - barWidth/2
		m.Current = m.Month == current
		if m.Value.Bill != nil && largest > 0 {
			m.Height = max(int(m.Value.Bill.TotalAmount*tallest/largest), 4)
			m.Y = baseline - m.Height
			m.Label = m.Y - 7
		}
	}
	return content
}

// Filter selects and orders plans.
type Filter struct {
	fee, data, order string
	compared         []string
}

// mostCompared is the maximum number of plans in a comparison.
const mostCompared = 3

// NewFilter returns a filter. Unknown values filter nothing.
func NewFilter(fee, data, order string, compared []string) Filter {
	return Filter{fee, data, order, compared}
}

// Apply returns the content of the list of plans.
func (f Filter) Apply(l text.Language, current upstream.Subscriber, offers upstream.Offers) Plans {
	content := Plans{
		Current: current, Stale: offers, Total: len(offers.Plans),
		Fees:   choices(f.fee, slices.Concat([]string{"", l.Text("All")}, limits(l))...),
		Data:   choices(f.data, "", l.Text("All"), "unlimited", l.Text("Unlimited only")),
		Orders: choices(f.order, "", l.Text("Lowest fee first"), "high", l.Text("Highest fee first")),
	}
	for _, plan := range offers.Plans {
		offer := Offer{Plan: plan, Difference: plan.Fee - current.Plan.Fee, Compared: slices.Contains(f.compared, plan.Code)}
		if offer.Compared && len(content.Compared) < mostCompared {
			content.Compared = append(content.Compared, offer)
		}
		if f.admits(plan) {
			content.Offers = append(content.Offers, offer)
		}
	}
	slices.SortStableFunc(content.Offers, func(a, b Offer) int {
		if f.order == "high" {
			a, b = b, a
		}
		return cmp.Compare(a.Fee, b.Fee)
	})
	return content
}

func (f Filter) admits(plan upstream.Plan) bool {
	limit, err := strconv.ParseInt(f.fee, 10, 64)
	if err == nil && plan.Fee > limit {
		return false
	}
	return f.data != "unlimited" || plan.Data == upstream.Unlimited
}

// limits returns the limits of the fee with their names.
func limits(l text.Language) (pairs []string) {
	for _, limit := range []int64{40_000, 60_000, 80_000} {
		pairs = append(pairs, strconv.FormatInt(limit, 10), l.Text("Up to %s", l.ShortWon(limit)))
	}
	return pairs
}

// choices returns the options of pairs of value and name.
func choices(selected string, pairs ...string) []Choice {
	var all []Choice
	for pair := range slices.Chunk(pairs, 2) {
		all = append(all, Choice{Value: pair[0], Name: pair[1], Selected: pair[0] == selected})
	}
	return all
}
