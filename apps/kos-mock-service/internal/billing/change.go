package billing

import (
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Change is an order to change the plan of a line.
type Change struct {
	RequestID string // chosen by the client; identifies the order for good
	Client    string
	Number    msisdn.Number
	Current   string // code of the current plan, as the client knows it
	Target    string // code of the new plan
	// On is the requested day, a date as Today returns it; zero means at once.
	On time.Time
}

// same reports whether both are the same order, sent twice.
func (c Change) same(other Change) bool {
	sameDay := c.On.Equal(other.On)
	c.On, other.On = time.Time{}, time.Time{}
	return sameDay && c == other
}

// MaxAhead is how many days in advance a change may be ordered.
const MaxAhead = 60

// effectiveFrom returns the day from which the new plan is in force, or ErrEffectiveDate.
func (c Change) effectiveFrom(today time.Time) (time.Time, error) {
	switch {
	case c.On.IsZero():
		return today, nil
	case c.On.Before(today), c.On.After(today.AddDate(0, 0, MaxAhead)):
		return time.Time{}, ErrEffectiveDate
	}
	return c.On, nil
}

// Decision is KOS's final decision about a change.
type Decision struct {
	Refusal *Refusal // nil: accepted
	// EffectiveFrom is the day from which the new plan is in force, and AppliedAt the instant: the
	// time of the decision for an immediate change, the start of the day in Korea for a scheduled
	// one. Both are zero for a refusal.
	EffectiveFrom time.Time
	AppliedAt     time.Time
}

// CodeDone is the result code of an accepted request.
const CodeDone = "0000"

// ResultCode returns the result code of the decision.
func (d Decision) ResultCode() string {
	if d.Refusal != nil {
		return d.Refusal.Code
	}
	return CodeDone
}

// decide decides about the change at the instant at, given the line's record. It returns
// ErrEffectiveDate for a day that cannot be ordered.
func (c Change) decide(record Record, population int, at time.Time) (Decision, error) {
	today := Today(at)
	from, err := c.effectiveFrom(today)
	if err != nil {
		return Decision{}, err
	}
	line, known := record.line(c.Number, population)
	if !known {
		return Decision{Refusal: ErrChangeUnknownLine}, nil
	}
	decision := Decision{Refusal: line.refuses(c, today)}
	if decision.Refusal == nil {
		decision.EffectiveFrom, decision.AppliedAt = from, later(at, startOf(from))
	}
	return decision, nil
}

// refuses returns why the line cannot get the change today, or nil.
func (l Line) refuses(c Change, today time.Time) *Refusal {
	current := l.PlanOn(today)
	target, exists := PlanByCode(c.Target)
	switch {
	case l.Status != Active:
		return ErrChangeNotActive
	case !exists:
		return ErrUnknownProduct
	case !target.OnSale:
		return ErrNotOnSale
	case target.Operator != current.Operator:
		return ErrOtherOperator
	case c.Current != current.Code:
		return ErrOtherCurrent
	case target == current:
		return ErrSameProduct
	case l.awaitsChange(today):
		// A scheduled change refers to the plan that is in force now, so no other change is
		// accepted before it.
		return ErrChangeIsComing
	}
	return nil
}

// awaitsChange reports whether a change is scheduled for a later day.
func (l Line) awaitsChange(today time.Time) bool {
	return l.orders[len(l.orders)-1].EffectiveFrom.After(today)
}

// Placed is a change with KOS's decision. It is immutable.
type Placed struct {
	ID int64 // increases with the order of decisions about a line
	Change
	Decision
	CreatedAt time.Time // time of the decision
}

// OrderNumber returns the displayed number of an accepted order, such as "20260117-000042".
func (p Placed) OrderNumber() string {
	return fmt.Sprintf("%s-%06d", Today(p.CreatedAt).Format("20060102"), p.ID)
}

// Scheduled reports whether the change was ordered for a later day.
func (p Placed) Scheduled() bool { return p.AppliedAt.After(p.CreatedAt) }

// Applied reports whether the new plan is in force by now.
func (p Placed) Applied(now time.Time) bool { return p.Refusal == nil && !p.AppliedAt.After(now) }
