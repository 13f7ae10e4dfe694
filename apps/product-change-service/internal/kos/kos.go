// Package kos reads lines and plans from KOS and sends it orders, within KOS's rate
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

// Budget admits calls of an endpoint. See budget.Budget.
type Budget interface {
	Await(ctx context.Context, longest time.Duration) (wait time.Duration, err error)
	Throttled(ctx context.Context, retryAfter time.Duration) error
}

// Budgets are the budgets of the endpoints. The queue takes the calls of orders; this
// package takes all others.
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

// Within returns a copy of the carrier that uses other budgets, such as those of
// background work.
func (c *Carrier) Within(budgets Budgets) *Carrier {
	other := *c
	other.budgets = budgets
	return &other
}

// call calls KOS. The call must have been admitted.
func (c *Carrier) call(ctx context.Context, call exchange.Call) (kosclient.Answer, error) {
	call.Limit = c.budgets.of(call.Endpoint)
	return c.caller.Call(ctx, call)
}

// budgetWait is how long a read waits for its admission.
const budgetWait = 2 * time.Second

// errOutage is the cause of reads that fail without a call.
var errOutage = errors.New("kos: endpoint was not callable a moment ago")

// admit waits for the admission of a read. It returns an error that wraps
// product.ErrUnavailable if there is none within budgetWait.
func (c *Carrier) admit(ctx context.Context, endpoint string) error {
	if c.outages.ongoing(endpoint, c.now()) {
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

// unavailable returns the problem that the client sees, which wraps
// product.ErrUnavailable.
func unavailable(err error) error {
	shown := kosclient.ErrUnavailable
	if errors.Is(err, kosclient.ErrBusy) {
		shown = problem.From(err) // with the Retry-After of KOS
	}
	return shown.WithCause(errors.Join(product.ErrUnavailable, err))
}
