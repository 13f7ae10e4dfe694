package billing

import (
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Status is whether a line is in service.
type Status string

// The states of a line.
const (
	Active    Status = "ACTIVE"
	Suspended Status = "SUSPENDED"
)

// Customer is the customer of a line.
type Customer struct {
	ID   string
	Name string
}

// Order changes the plan of a line from a day on. The day is never before the day of the order, so
// that final bills do not change.
type Order struct {
	ProductCode   string
	EffectiveFrom time.Time
}

// Line is a phone line.
type Line struct {
	Number   msisdn.Number
	Customer Customer
	Status   Status
	Contract Contract
	// orders are the plan changes by effective date. The first is in force from the start of the
	// contract.
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
	plan, _ := PlanByCode(code) // orders are accepted for existing plans only
	return plan
}

// TerminationFee returns the fee for termination on the given day.
func (l Line) TerminationFee(day time.Time) Won {
	return l.Contract.terminationFee(l.PlanOn(day), day)
}

// With returns the line with further orders, sorted by effective date.
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
