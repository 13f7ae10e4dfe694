package upgrade

import (
	"fmt"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
)

// Report is the result of a roll-out.
type Report struct {
	Name               string
	Changes, Inquiries int // accepted
	// ChangeCalls and InquiryCalls are the calls that KOS has answered; Throttled are those that it
	// has refused as too many.
	ChangeCalls, InquiryCalls, Throttled int
	// Settled is how long after the return of KOS the last work has ended.
	Settled time.Duration
	Left    state
	Faults  []string
}

func (r *Report) fault(format string, args ...any) {
	r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
}

// checkOrders compares accepted changes with the orders of KOS, oldest first, of this roll-out and
// earlier ones.
func (r *Report) checkOrders(changes []work, orders []kos.Order) {
	if r.Left != (state{}) {
		r.fault("not ended: %s", r.Left)
	}
	applied := map[string]int{}    // by request id
	plans := map[string]string{}   // by line: the plan of its last order
	current := map[string]string{} // by request id: the plan when it was applied
	for _, order := range orders {
		if order.ResultCode != kos.OK {
			r.fault("KOS has refused request %s with %s", order.RequestID, order.ResultCode)
			continue
		}
		if plan, known := plans[order.Line]; known && plan != order.Current {
			r.fault("request %s was applied out of order", order.RequestID)
		}
		applied[order.RequestID]++
		current[order.RequestID], plans[order.Line] = order.Current, order.Target
	}
	accepted := map[string]bool{}
	for _, change := range changes {
		if accepted[change.requestID] {
			r.fault("request %s was accepted twice", change.requestID)
		}
		accepted[change.requestID] = true
		if applied[change.requestID] != 1 {
			r.fault("request %s was applied %d times", change.requestID, applied[change.requestID])
		}
		if current[change.requestID] != change.current || plans[change.line] != change.target {
			r.fault("request %s has changed %s to %s, not %s to %s", change.requestID, current[change.requestID], plans[change.line], change.current, change.target)
		}
	}
}

// TableHead is the head of the table of results.
const TableHead = `| roll-out | changes | answered orders | inquiries | answered calls | refused as too many | ended after | faults |
|---|---:|---:|---:|---:|---:|---:|---:|`

// TableRow returns the report as a row of a Markdown table.
func (r Report) TableRow() string {
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %s | %d |",
		r.Name, r.Changes, r.ChangeCalls, r.Inquiries, r.InquiryCalls, r.Throttled, r.Settled.Round(time.Second), len(r.Faults))
}
