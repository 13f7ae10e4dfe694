package billing

import (
	"context"
	"errors"
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
	// Move stores a line and its first order in place of all that is stored about
	// the number, but for the log of orders.
	Move(ctx context.Context, number msisdn.Number, line Registration, first Order) error
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

// line returns the line that the number is, if it is one: opened at run time or
// by rule, with all orders.
func (r Record) line(number msisdn.Number, population int) (Line, bool) {
	if r.Registration != nil {
		return registeredLine(number, *r.Registration).With(r.Orders), true
	}
	line, ok := LineByRule(number, population)
	return line.With(r.Orders), ok
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
	if line, err := d.Find(ctx, number, in.Population); !errors.Is(err, ErrUnknownLine) {
		return line, err
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

// lastStart is the last day of a month on which a contract starts.
const lastStart = 28

// Move gives a number to another customer, with a contract and a plan that begin
// today, as if it had been returned and given out anew. The customer before has
// no line and no bills of it any more. An empty name is drawn.
func (d *Directory) Move(ctx context.Context, number msisdn.Number, to Customer, in Terms) (Line, error) {
	dice := dice{number.Digits()}.within(to.ID)
	if to.Name == "" {
		to.Name = drawName(dice)
	}
	start := earlier(in.Today, MonthOf(in.Today).Day(lastStart))
	first := Order{ProductCode: drawPlan(dice, true).Code, EffectiveFrom: start}
	if err := d.store.Move(ctx, number, Registration{Customer: to, ContractDate: start}, first); err != nil {
		return Line{}, fmt.Errorf("move line: %w", err)
	}
	return d.Find(ctx, number, in.Population)
}

// Terms are the circumstances of an opening.
type Terms struct {
	Today      time.Time
	Population int
}
