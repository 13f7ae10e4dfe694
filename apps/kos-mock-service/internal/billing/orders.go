package billing

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Orders that cannot be understood. They are not decided on and leave nothing
// behind.
var (
	// ErrRequestReused is returned for a request id that another order has.
	ErrRequestReused = errors.New("billing: request id belongs to another order")
	// ErrEffectiveDate is returned for a day before today or beyond MaxAhead.
	ErrEffectiveDate = errors.New("billing: no change can be ordered for that day")
)

// OrderLog keeps what was decided on changes.
type OrderLog interface {
	// Place gives the change its turn among those of its line, whichever
	// replica they reach. If the log has an order of that request id, of
	// whatever contents, that is returned. Otherwise decide is called with
	// the instant, which never runs backwards for a line, and with what is
	// stored about the line; its decision is kept, and put in force if it
	// accepts. All of it holds or nothing does. An error of decide is returned
	// as it is.
	Place(ctx context.Context, change Change, decide Decide) (Placed, error)
	// Placed returns the order of that request id; ok is false if there is
	// none.
	Placed(ctx context.Context, requestID string) (placed Placed, ok bool, err error)
}

// Decide decides on a change in its turn.
type Decide func(at time.Time, record Record) (Decision, error)

// Orders takes changes of plan, each once.
type Orders struct{ log OrderLog }

// NewOrders returns the orders in log.
func NewOrders(log OrderLog) *Orders { return &Orders{log} }

// Place decides on the change, or returns what was decided when it came first.
// A refusal is a decision, too. It returns ErrRequestReused or
// ErrEffectiveDate. Population is how many lines exist by rule.
func (o *Orders) Place(ctx context.Context, change Change, population int) (Placed, error) {
	placed, err := o.log.Place(ctx, change, func(at time.Time, record Record) (Decision, error) {
		return change.decide(record, population, at)
	})
	if err != nil {
		return Placed{}, fmt.Errorf("place order: %w", err)
	}
	if !placed.same(change) {
		return Placed{}, ErrRequestReused
	}
	return placed, nil
}

// Find returns the client's order of that request id; ok is false if KOS has
// not decided on it.
func (o *Orders) Find(ctx context.Context, client, requestID string) (placed Placed, ok bool, err error) {
	placed, ok, err = o.log.Placed(ctx, requestID)
	if err != nil {
		return Placed{}, false, fmt.Errorf("find order: %w", err)
	}
	if !ok || placed.Client != client {
		return Placed{}, false, nil
	}
	return placed, true, nil
}

// OrderFilter chooses a page of the orders, the oldest first. What is empty or
// zero is not asked for.
type OrderFilter struct {
	Client string
	Since  time.Time // decided at or after
	// After is where the page before ended.
	After OrderMark
	Size  int // orders on the page
}

// OrderMark is a place in the log of orders.
type OrderMark struct {
	At time.Time // as Placed.CreatedAt
	ID int64
}

// Mark returns the place of the order in the log.
func (p Placed) Mark() OrderMark { return OrderMark{p.CreatedAt, p.ID} }
