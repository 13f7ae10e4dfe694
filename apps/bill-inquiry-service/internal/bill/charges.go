package bill

import (
	"errors"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/money"
)

// Charges are the amounts of a month. No amount is negative.
type Charges struct {
	Monthly  int64 `json:"monthly"`  // the sum of Periods
	Usage    int64 `json:"usage"`    // beyond the plan's allowances
	Discount int64 `json:"discount"` // the sum of Discounts
	// Total is Monthly + Usage - Discount, without the instalment of a device.
	Total     int64      `json:"total"`
	Periods   []Charge   `json:"periods"`
	Discounts []Discount `json:"discounts"`
}

// Charge is the part of the monthly fee for a range of days under one plan. From and
// To are inclusive, YYYYMMDD.
type Charge struct {
	Name   string `json:"name"`
	From   string `json:"from"`
	To     string `json:"to"`
	Amount int64  `json:"amount"`
}

// Discount is one discount of a bill.
type Discount struct {
	Name   string `json:"name"`
	Amount int64  `json:"amount"`
}

const (
	// maxParts bounds the discounts of a bill.
	maxParts = 100
	// dayForm is the layout of days within a bill.
	dayForm = "20060102"
)

// TotalAmount returns the amount that the customer pays: the charges and the
// instalment of a device.
func (b *Bill) TotalAmount() int64 { return b.Charges.Total + b.DeviceInstallment }

// CheckAmounts returns an error unless every amount is from zero to money.Max, parts
// add up to their sums, and the periods cover each day of the contract in the month
// once.
func (b *Bill) CheckAmounts() error {
	c := &b.Charges
	if len(c.Discounts) > maxParts || len(c.Periods) > maxParts {
		return errors.New("too many parts")
	}
	discounts, charges := make([]int64, len(c.Discounts)), make([]int64, len(c.Periods))
	for i, discount := range c.Discounts {
		discounts[i] = discount.Amount
	}
	for i, charge := range c.Periods {
		charges[i] = charge.Amount
	}
	err := errors.Join(
		checkSum("discount", c.Discount, discounts), checkSum("monthly fee", c.Monthly, charges),
		checkAmount("usage fee", c.Usage), checkAmount("total", c.Total),
		checkAmount("installment", b.DeviceInstallment), checkAmount("termination fee", b.TerminationFee),
	)
	if err != nil {
		return err
	}
	if c.Total != c.Monthly+c.Usage-c.Discount {
		return errors.New("total is not the sum of its parts")
	}
	return b.checkPeriods()
}

func checkAmount(name string, amount int64) error {
	if !money.Valid(amount) {
		return fmt.Errorf("%s out of range", name)
	}
	return nil
}

func checkSum(name string, sum int64, parts []int64) error {
	total := int64(0)
	for _, part := range parts {
		if err := checkAmount("part of "+name, part); err != nil {
			return err
		}
		total += part
	}
	if total != sum {
		return fmt.Errorf("%s is not the sum of its parts", name)
	}
	return checkAmount(name, sum)
}

// checkPeriods returns an error unless the periods follow one another without a gap
// from the first billed day of the month to the last.
func (b *Bill) checkPeriods() error {
	next, last := b.billedDays()
	for _, charge := range b.Charges.Periods {
		from, errFrom := time.Parse(dayForm, charge.From)
		to, errTo := time.Parse(dayForm, charge.To)
		if errFrom != nil || errTo != nil || !from.Equal(next) || to.Before(from) {
			return errors.New("periods do not cover each day once")
		}
		next = to.AddDate(0, 0, 1)
	}
	if !next.Equal(last.AddDate(0, 0, 1)) {
		return errors.New("periods do not end with the month")
	}
	return nil
}

// billedDays returns the first and the last day that the bill covers: those of the
// month, but not before the contract.
func (b *Bill) billedDays() (first, last time.Time) {
	first, err := time.Parse("2006-01", string(b.Month))
	if err != nil {
		return time.Time{}, time.Time{} // not reached: a Month is valid
	}
	last = first.AddDate(0, 1, -1)
	start, err := time.Parse(time.DateOnly, b.Customer.ContractSince)
	if err == nil && start.After(first) && !start.After(last) {
		first = start
	}
	return first, last
}
