package billing

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors for invalid orders. They are not decided about and not stored.
var (
	// ErrRequestReused is returned for a request id of another order.
	ErrRequestReused = errors.New("billing: request id belongs to another order")
	// ErrEffectiveDate is returned for a day before today or beyond MaxAhead.
	ErrEffectiveDate = errors.New("billing: no change can be ordered for that day")
)

// OrderLog stores the decisions about changes.
type OrderLog interface {
	// Place serializes the changes of a line over all replicas. If the log contains an order with
	// that request id, with whatever contents, it returns that. Otherwise it calls decide with the
	// current time, which is monotonic for each line, and the line's record, and stores the
	// decision and its effect in one transaction. It returns an error of decide unchanged.
	Place(ctx context.Context, change Change, decide Decide) (Placed, error)
	// Placed returns the order with that request id; ok is false if there is none.
	Placed(ctx context.Context, requestID string) (placed Placed, ok bool, err error)
}

// Decide decides about a change while the line is locked.
type Decide func(at time.Time, record Record) (Decision, error)

// Orders accepts plan changes, each once.
type Orders struct{ log OrderLog }

// NewOrders returns the orders in log.
func NewOrders(log OrderLog) *Orders { return &Orders{log} }

// Place decides about the change, or returns the decision if the order is a repeat. A refusal is a
// decision, too. It returns ErrRequestReused or ErrEffectiveDate. population is the number of
// generated lines.
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

// Find returns the client's order with that request id; ok is false if KOS has not decided about
// it.
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

// OrderFilter selects a page of the orders, oldest first. Zero fields match all.
type OrderFilter struct {
	Client string
	Since  time.Time // decided at or after
	// After is the position at which the previous page ended.
	After OrderMark
	Size  int // orders per page
}

// OrderMark is a position in the order log.
type OrderMark struct {
	At time.Time // as Placed.CreatedAt
	ID int64
}

// Mark returns the position of the order in the log.
func (p Placed) Mark() OrderMark { return OrderMark{p.CreatedAt, p.ID} }
