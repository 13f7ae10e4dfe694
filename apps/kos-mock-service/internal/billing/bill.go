package billing

import "time"

// Charge is the price of one plan for a range of days of a month, both inclusive.
type Charge struct {
	Plan     Plan
	From, To time.Time
	Amount   Won
}

// Discount is a named discount.
type Discount struct {
	Name   string
	Amount Won
}

// Bill is the bill of a line for one month.
type Bill struct {
	Line  Line
	Plan  Plan // in force at the end of the month, or today
	Month Month
	// Final is true once the month is over; a final bill never changes.
	Final bool
	// AsOf is the last day that the bill covers.
	AsOf time.Time
	// Charges cover each day of the contract in the month once, in order.
	Charges   []Charge
	UsageFee  Won // for usage beyond the allowances
	Discounts []Discount
	Usage     Usage
	// BillingDate is the day on which the amount is debited.
	BillingDate time.Time
	// DueDate is the last day for payment.
	DueDate        time.Time
	PaymentMethod  string
	TerminationFee Won // on the day AsOf
	// DeviceInstallment is the monthly instalment of a device.
	DeviceInstallment Won
}

// MonthlyFee returns the sum of the charges.
func (b Bill) MonthlyFee() Won { return sumOf(b.Charges) }

// DiscountAmount returns the sum of the discounts, at most MonthlyFee.
func (b Bill) DiscountAmount() Won {
	var sum Won
	for _, discount := range b.Discounts {
		sum += discount.Amount
	}
	return sum
}

// TotalFee returns the price of the service.
func (b Bill) TotalFee() Won { return b.MonthlyFee() + b.UsageFee - b.DiscountAmount() }

// TotalAmount returns the amount that is debited: TotalFee and the instalment of a device.
func (b Bill) TotalAmount() Won { return b.TotalFee() + b.DeviceInstallment }

// BillFor returns the line's bill of the month as of today. It returns ErrNotActive, or ErrNoBill
// for a future month or one before the contract.
func BillFor(line Line, month Month, today time.Time) (Bill, error) {
	switch {
	case line.Status != Active:
		return Bill{}, ErrNotActive
	case MonthOf(today).Before(month), month.Before(MonthOf(line.Contract.Start)):
		return Bill{}, ErrNoBill
	}
	asOf := earlier(today, month.Last())
	asOf = later(asOf, line.Contract.Start) // for a contract that starts in the future
	plan := line.PlanOn(asOf)
	used := usage(line, month, asOf)
	next := month.Add(1)
	charges := chargesFor(line, month, asOf)
	return Bill{
		Line: line, Plan: plan, Month: month,
		Final: month.Before(MonthOf(today)), AsOf: asOf,
		Charges: charges, UsageFee: used.fee(plan), Discounts: discounts(line, plan, month, sumOf(charges)),
		Usage:       used,
		BillingDate: next.First(), DueDate: next.Day(drawDueDay(line.dice())),
		PaymentMethod:     drawPaymentMethod(line.dice()),
		TerminationFee:    line.TerminationFee(asOf),
		DeviceInstallment: instalment(line, month),
	}, nil
}

const (
	longTermMonths       = 24
	longTermPercent  Won = 3
	selectivePercent Won = 25
)

// discounts returns the discounts of the line's contract and plan. Their sum is at most fee.
func discounts(line Line, plan Plan, month Month, fee Won) []Discount {
	list := []Discount{}
	left := fee
	grant := func(name string, amount Won) {
		if amount = min(amount, left); amount > 0 {
			list = append(list, Discount{name, amount})
			left -= amount
		}
	}
	if line.Contract.benefit == selective {
		grant("선택약정 할인", fee.share(selectivePercent))
	}
	if line.dice().percent(35, "family") {
		grant("가족결합 할인", familyDiscount(plan))
	}
	if month.Since(MonthOf(line.Contract.Start)) >= longTermMonths {
		grant("장기이용 할인", fee.share(longTermPercent))
	}
	return list
}

func familyDiscount(plan Plan) Won {
	switch {
	case plan.MonthlyFee >= 80_000:
		return 11_000
	case plan.MonthlyFee >= 50_000:
		return 5_500
	}
	return 3_300
}

// instalment returns the monthly instalment of a device bought with the term, if any. It ends with
// the term or earlier.
func instalment(line Line, month Month) Won {
	contract := line.Contract
	if contract.months == 0 {
		return 0
	}
	start := contract.termStart(month.Last())
	d := line.dice().within("device " + start.Format(time.DateOnly))
	if contract.benefit == selective && d.percent(40, "none") {
		return 0 // no device
	}
	count := min(6*d.between(2, 4, "instalments"), contract.months)
	price := Won(d.between(30, 150, "price")) * 10_000
	switch paid := month.Since(MonthOf(start)); {
	case paid >= count:
		return 0
	case paid == count-1:
		return price - price/Won(count)*Won(count-1)
	}
	return price / Won(count)
}

func drawDueDay(d dice) int { return []int{15, 21, 25}[d.upTo(3, "due day")] }

func drawPaymentMethod(d dice) string {
	return []string{"은행 자동이체", "신용카드 자동납부"}[d.upTo(2, "payment method")]
}
