package billing

import (
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Change is what a client orders: another plan for a line.
type Change struct {
	RequestID string // the client's; an order has it for ever
	Client    string
	Number    msisdn.Number
	Current   string // code of the plan that the line is believed to have
	Target    string // code of the plan that it is to get
	// On is the day asked for, a date as Today returns it; zero means at once.
	On time.Time
}

// same reports whether both are one order, sent twice.
func (c Change) same(other Change) bool {
	sameDay := c.On.Equal(other.On)
	c.On, other.On = time.Time{}, time.Time{}
	return sameDay && c == other
}

// MaxAhead is how many days ahead a change may be ordered.
const MaxAhead = 60

// effectiveFrom returns the day from which the plan is to be in force, or
// ErrEffectiveDate.
func (c Change) effectiveFrom(today time.Time) (time.Time, error) {
	switch {
	case c.On.IsZero():
		return today, nil
	case c.On.Before(today), c.On.After(today.AddDate(0, 0, MaxAhead)):
		return time.Time{}, ErrEffectiveDate
	}
	return c.On, nil
}

// Decision is what KOS makes of a change, once and for all.
type Decision struct {
	Refusal *Refusal // nil: accepted
	// EffectiveFrom is the day from which the plan is in force, and AppliedAt
	// the instant: that of the decision for a change at once, the day's first
	// in Korea for one to come. Both are zero if it was refused.
	EffectiveFrom time.Time
	AppliedAt     time.Time
}

// CodeDone is KOS's result code for what it has done.
const CodeDone = "0000"

// ResultCode returns KOS's code for the decision.
func (d Decision) ResultCode() string {
	if d.Refusal != nil {
		return d.Refusal.Code
	}
	return CodeDone
}

// decide says what becomes of the change at the instant at, of a line as it is
// by then. It returns ErrEffectiveDate for a day that cannot be ordered.
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

// refuses returns why the line cannot get the change today, nil if it can.
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
		// It was promised for its day, from the plan that is in force now.
		return ErrChangeIsComing
	}
	return nil
}

// awaitsChange reports whether an order will put a plan in force after today.
func (l Line) awaitsChange(today time.Time) bool {
	return l.orders[len(l.orders)-1].EffectiveFrom.After(today)
}

// Placed is a change that KOS has decided on. It never changes.
type Placed struct {
	ID int64 // rises in the order in which the changes of a line were decided
	Change
	Decision
	CreatedAt time.Time // when KOS decided
}

// OrderNumber names an accepted order to people, such as "20260117-000042".
func (p Placed) OrderNumber() string {
	return fmt.Sprintf("%s-%06d", Today(p.CreatedAt).Format("20060102"), p.ID)
}

// Scheduled reports whether the plan was to change on a later day than that of
// the decision.
func (p Placed) Scheduled() bool { return p.AppliedAt.After(p.CreatedAt) }

// Applied reports whether the order is accepted and its plan has come into
// force by now.
func (p Placed) Applied(now time.Time) bool { return p.Refusal == nil && !p.AppliedAt.After(now) }
