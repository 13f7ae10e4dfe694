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

// Budgets are the budgets of the endpoints. The queue takes the calls of queued work; this
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
}

var (
	_ product.Carrier   = (*Carrier)(nil)
	_ product.Admission = (*Carrier)(nil)
	_ change.Carrier    = (*Carrier)(nil)
)

// New returns a carrier that calls KOS with caller.
func New(caller Caller, budgets Budgets, now func() time.Time) *Carrier {
	return &Carrier{caller: caller, budgets: budgets, outages: newOutages(), now: now}
}

// call calls KOS. The call must have been admitted.
func (c *Carrier) call(ctx context.Context, call exchange.Call) (kosclient.Answer, error) {
	call.Limit = c.budgets.of(call.Endpoint)
	return c.caller.Call(ctx, call)
}

// admissionTimeout is how long Admit waits for its admission.
const admissionTimeout = 4 * time.Second

// errOutage is the cause of an admission that fails because of an outage.
var errOutage = errors.New("kos: endpoint was not callable a moment ago")

// Admit implements product.Admission.
func (c *Carrier) Admit(ctx context.Context) error {
	if c.outages.ongoing(ProductInquiry, c.now()) {
		return unavailable(errOutage)
	}
	wait, err := c.budgets.Inquiry.Await(ctx, admissionTimeout)
	if err != nil {
		return change.ErrDatabase.WithCause(errors.Join(product.ErrUnavailable, err))
	}
	if wait > 0 {
		return unavailable(kosclient.ErrBusy.After(wait))
	}
	return nil
}

// unavailable returns the problem that the client sees, which wraps
// product.ErrUnavailable, and product.ErrNotCalled or product.ErrThrottled.
func unavailable(err error) error {
	marks := []error{product.ErrUnavailable, err}
	if errors.Is(err, kosclient.ErrBusy) {
		shown := problem.From(err) // with the Retry-After of KOS
		return shown.WithCause(errors.Join(append(marks, product.ErrThrottled)...))
	}
	if exchange.NotCalled(err) {
		marks = append(marks, product.ErrNotCalled)
	}
	return kosclient.ErrUnavailable.WithCause(errors.Join(marks...))
}
