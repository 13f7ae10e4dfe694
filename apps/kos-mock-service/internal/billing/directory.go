package billing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Registration is a line opened at run time.
type Registration struct {
	Customer     Customer
	ContractDate time.Time
}

// Record is the stored data of a line number.
type Record struct {
	Registration *Registration // nil: not opened at run time
	Orders       []Order       // by effective date
}

// Store stores lines opened at run time, and orders.
type Store interface {
	// Record returns the stored data of the number; empty if there is none.
	Record(ctx context.Context, number msisdn.Number) (Record, error)
	// Open stores a line and its first order. It changes nothing if the number is stored already.
	Open(ctx context.Context, number msisdn.Number, line Registration, first Order) error
	// Move replaces all stored data of the number, except the order log, by a line and its first
	// order.
	Move(ctx context.Context, number msisdn.Number, line Registration, first Order) error
}

// Directory finds generated and stored lines.
type Directory struct{ store Store }

// NewDirectory returns a directory of the stored lines in store and the generated ones.
func NewDirectory(store Store) *Directory { return &Directory{store} }

// Find returns the line with that number, or ErrUnknownLine. population is the number of generated
// lines.
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

// line returns the line with that number, stored or generated, with all its orders.
func (r Record) line(number msisdn.Number, population int) (Line, bool) {
	if r.Registration != nil {
		return registeredLine(number, *r.Registration).With(r.Orders), true
	}
	line, ok := ComputedLine(number, population)
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

// pastMonths is how many final bills a new line gets.
const pastMonths = 6

// Open creates a line with a plan and six months of bills for the customer, and returns it. A line
// that KOS knows already is returned unchanged, even if it is another customer's; the caller must compare the
// customer.
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

// lastStart is the last day of a month on which a contract may start.
const lastStart = 28

// Move recycles a number: it gives it to another customer, with a contract and a plan that start
// today. The former customer's line and bills are gone. An empty name is generated.
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

// Terms are the parameters of an opening.
type Terms struct {
	Today      time.Time
	Population int
}
