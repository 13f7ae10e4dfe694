// Package kos asks KOS for lines and plans and brings it orders, within KOS's
// limits.
package kos

import (
	"context"
	"errors"
	"time"

	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/kos/exchange"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// KOS's endpoints.
const (
	ProductInquiry = "product-inquiry"
	Products       = "products"
	ProductChange  = "product-change"
	ChangeStatus   = "product-change-status"
)

// Caller is the part of exchange.Caller that is used here.
type Caller interface {
	Call(ctx context.Context, call exchange.Call) (kosclient.Answer, error)
}

// Budget is the right to call an endpoint. See budget.Budget.
type Budget interface {
	Await(ctx context.Context, longest time.Duration) (wait time.Duration, err error)
	Throttled(ctx context.Context, retryAfter time.Duration) error
}

// Budgets are those of the endpoints. The right to order is taken by the queue; all
// others are taken here.
type Budgets struct {
	Inquiry, Products, Status, Change Budget
}

// of returns the budget of an endpoint.
func (b Budgets) of(endpoint string) Budget {
	switch endpoint {
	case ProductInquiry:
		return b.Inquiry
	case Products:
		return b.Products
	case ChangeStatus:
		return b.Status
	}
	return b.Change
}

// Carrier implements product.Carrier and change.Carrier.
type Carrier struct {
	caller  Caller
	budgets Budgets
	outages *outages
	now     func() time.Time
	newID   func() string
}

var (
	_ product.Carrier = (*Carrier)(nil)
	_ change.Carrier  = (*Carrier)(nil)
)

// New returns a carrier that calls KOS with caller.
func New(caller Caller, budgets Budgets, now func() time.Time, newID func() string) *Carrier {
	return &Carrier{caller: caller, budgets: budgets, outages: newOutages(), now: now, newID: newID}
}

// Within returns the same carrier with other budgets, such as those for background
// work.
func (c *Carrier) Within(budgets Budgets) *Carrier {
	other := *c
	other.budgets = budgets
	return &other
}

// call makes a call of KOS whose right has been taken.
func (c *Carrier) call(ctx context.Context, call exchange.Call) (kosclient.Answer, error) {
	call.Limit = c.budgets.of(call.Endpoint)
	return c.caller.Call(ctx, call)
}

// budgetWait is how long a customer's question waits for KOS's limit.
const budgetWait = 2 * time.Second

// errOutage is the answer without a call while an endpoint cannot be called.
var errOutage = errors.New("kos: could not be called a moment ago")

// admit waits for the right to make a customer's call.
func (c *Carrier) admit(ctx context.Context, endpoint string) error {
	if c.outages.last(endpoint, c.now()) {
		return unavailable(errOutage)
	}
	wait, err := c.budgets.of(endpoint).Await(ctx, budgetWait)
	if err != nil {
		return change.ErrDatabase.WithCause(errors.Join(product.ErrUnavailable, err))
	}
	if wait > 0 {
		return unavailable(kosclient.ErrBusy.After(wait))
	}
	return nil
}

// unavailable returns the problem that the client is shown, marked as a failure to
// reach KOS.
func unavailable(err error) error {
	shown := kosclient.ErrUnavailable
	if errors.Is(err, kosclient.ErrBusy) {
		shown = problem.From(err) // with the time that KOS named
	}
	return shown.WithCause(errors.Join(product.ErrUnavailable, err))
}
