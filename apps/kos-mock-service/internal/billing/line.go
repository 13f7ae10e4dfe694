package billing

import (
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Status is whether a line can be used.
type Status string

// The states of a line.
const (
	Active    Status = "ACTIVE"
	Suspended Status = "SUSPENDED"
)

// Customer is who pays for a line.
type Customer struct {
	ID   string
	Name string
}

// Order puts a plan in force on a line, from a day on. The day is never before
// the one on which the order was given: finished bills stay as they are.
type Order struct {
	ProductCode   string
	EffectiveFrom time.Time
}

// Line is a phone line with all that is known about it.
type Line struct {
	Number   msisdn.Number
	Customer Customer
	Status   Status
	Contract Contract
	// orders are what gave the line its plans, in the order of their days. The
	// first is in force from the start of the contract.
	orders []Order
}

// PlanOn returns the plan in force on the given day.
func (l Line) PlanOn(day time.Time) Plan {
	code := l.orders[0].ProductCode
	for _, order := range l.orders {
		if !order.EffectiveFrom.After(day) {
			code = order.ProductCode
		}
	}
	plan, _ := PlanByCode(code) // orders are only accepted for plans that exist
	return plan
}

// TerminationFee returns what it costs to leave on the given day.
func (l Line) TerminationFee(day time.Time) Won {
	return l.Contract.terminationFee(l.PlanOn(day), day)
}

// With returns the line after further orders, which are in the order of their
// days.
func (l Line) With(orders []Order) Line {
	l.orders = append(append([]Order(nil), l.orders...), orders...)
	return l
}

func (l Line) dice() dice { return dice{l.Number.Digits()} }

var (
	surnames   = []string{"김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오"}
	givenNames = []string{"민준", "서연", "도윤", "지우", "하준", "서현", "은우", "지민", "시우", "수아", "예준", "하은", "주원", "다은", "지호", "유진"}
)

func drawName(d dice) string {
	return surnames[d.upTo(len(surnames), "surname")] + givenNames[d.upTo(len(givenNames), "given name")]
}
