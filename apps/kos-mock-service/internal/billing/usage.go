package billing

import (
	"fmt"
	"time"
)

// Usage is a line's usage within a month.
type Usage struct {
	DataMB       int
	VoiceMinutes int
	Messages     int
}

// Data returns the data used, such as "12.3GB".
func (u Usage) Data() string {
	tenths := u.DataMB * 10 / mbPerGB
	return fmt.Sprintf("%d.%dGB", tenths/10, tenths%10)
}

// Voice returns the duration of calls, such as "124분".
func (u Usage) Voice() string { return fmt.Sprintf("%d분", u.VoiceMinutes) }

// SMS returns the messages sent, such as "35건".
func (u Usage) SMS() string { return fmt.Sprintf("%d건", u.Messages) }

// Prices beyond the allowance, in won per MB, minute and message. The price of data is capped, as
// the regulator requires.
const (
	excessPerMB      Won = 6
	excessPerMinute  Won = 108
	excessPerMessage Won = 22
	excessDataMax    Won = 33_000
)

// fee returns the price of the usage beyond the plan's allowances.
func (u Usage) fee(plan Plan) Won {
	data := Won(plan.Data.excess(u.DataMB)) * excessPerMB
	return min(data, excessDataMax) +
		Won(plan.Voice.excess(u.VoiceMinutes))*excessPerMinute +
		Won(plan.SMS.excess(u.Messages))*excessPerMessage
}

// usage returns the line's usage in the month up to and including day through. It never decreases
// from day to day.
func usage(line Line, month Month, through time.Time) Usage {
	from := later(month.First(), line.Contract.Start)
	plan := line.PlanOn(from)
	d := line.dice().within(month.String())
	return Usage{
		DataMB:       d.within("data").spread(habit(d, "data", plan.Data, 120*mbPerGB), month, from, through),
		VoiceMinutes: d.within("voice").spread(habit(d, "voice", plan.Voice, 400), month, from, through),
		Messages:     d.within("sms").spread(habit(d, "sms", plan.SMS, 60), month, from, through),
	}
}

// habit returns the usage of a whole month: around a limited allowance, and around typical for an
// unlimited one.
func habit(d dice, name string, allowance Allowance, typical int) int {
	if allowance.limit == 0 {
		return typical * d.between(20, 180, name) / 100
	}
	return allowance.limit * d.between(40, 112, name) / 100
}

// spread returns the part of the month's total for a range of days, which have different weights.
func (d dice) spread(total int, month Month, from, through time.Time) int {
	var seen, all int
	for n := 1; n <= month.Last().Day(); n++ {
		weight := d.day(n, 1, 9)
		all += weight
		if day := month.Day(n); !day.Before(from) && !day.After(through) {
			seen += weight
		}
	}
	return total * seen / all
}
