package billing

import (
	"context"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Registration is a line that was opened at run time, not by rule.
type Registration struct {
	Customer     Customer
	ContractDate time.Time
}

// Record is what is stored about a line number.
type Record struct {
	Registration *Registration // nil: not opened at run time
	Orders       []Order       // in the order of their days
}

// Store keeps what changes: lines opened at run time, and orders.
type Store interface {
	// Record returns what is stored about the number, empty if nothing is.
	Record(ctx context.Context, number msisdn.Number) (Record, error)
	// Open stores a line and its first order, unless the number is stored
	// already: then nothing changes.
	Open(ctx context.Context, number msisdn.Number, line Registration, first Order) error
}

// Directory finds lines, by rule and stored.
type Directory struct{ store Store }

// NewDirectory returns the directory of the lines in store and of those that
// exist by rule.
func NewDirectory(store Store) *Directory { return &Directory{store} }

// Find returns the line of that number, or ErrUnknownLine. Population is how
// many lines exist by rule.
func (d *Directory) Find(ctx context.Context, number msisdn.Number, population int) (Line, error) {
	record, err := d.store.Record(ctx, number)
	if err != nil {
		return Line{}, fmt.Errorf("find line: %w", err)
	}
	if line, ok := record.line(number, population); ok {
		return line, nil
	}
	return Line{}, ErrUnknownLine
}

// line returns the line that the number is, if it is one: by rule or opened at
// run time, with all orders.
func (r Record) line(number msisdn.Number, population int) (Line, bool) {
	line, ok := LineByRule(number, population)
	if !ok {
		if r.Registration == nil {
			return Line{}, false
		}
		line = registeredLine(number, *r.Registration)
	}
	return line.With(r.Orders), true
}

func registeredLine(number msisdn.Number, registration Registration) Line {
	return Line{
		Number:   number,
		Customer: registration.Customer,
		Status:   Active,
		Contract: drawContract(registration.ContractDate, dice{number.Digits()}),
	}
}

// pastMonths is how many finished bills a fresh line gets.
const pastMonths = 6

// Open gives the customer a fresh line with a plan and six months of bills
// behind it, and returns it. A number that KOS knows already is returned as it
// is, whoever's it is: the caller compares the customer.
func (d *Directory) Open(ctx context.Context, number msisdn.Number, customerID string, in Terms) (Line, error) {
	if line, ok := LineByRule(number, in.Population); ok {
		return line, nil
	}
	dice := dice{number.Digits()}
	registration := Registration{
		Customer:     Customer{ID: customerID, Name: drawName(dice)},
		ContractDate: MonthOf(in.Today).Add(-pastMonths).First(),
	}
	first := Order{ProductCode: drawPlan(dice, true).Code, EffectiveFrom: registration.ContractDate}
	if err := d.store.Open(ctx, number, registration, first); err != nil {
		return Line{}, fmt.Errorf("open line: %w", err)
	}
	return d.Find(ctx, number, in.Population)
}

// Terms are the circumstances of an opening.
type Terms struct {
	Today      time.Time
	Population int
}
