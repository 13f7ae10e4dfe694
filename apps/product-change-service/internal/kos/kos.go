// Package kos asks KOS for lines and plans, brings it orders, and tells every
// exchange to the history of processing. It keeps to KOS's limits.
package kos

import (
	"context"
	"errors"
	"time"

	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// KOS's endpoints. Their paths are fixed, since the sidecar keeps a circuit
// breaker for each path.
const (
	ProductInquiry = "product-inquiry"
	Products       = "products"
	ProductChange  = "product-change"
	ChangeStatus   = "product-change-status"

	prefix = "/api/kos/"
)

// Client is the part of kosclient.Client that is used here.
type Client interface {
	Post(ctx context.Context, path string, in any) (kosclient.Answer, error)
	Get(ctx context.Context, path string) (kosclient.Answer, error)
}

// Exchanges takes the record of each exchange.
type Exchanges interface {
	AppendExchange(ctx context.Context, e change.Exchange)
}

// Budget is the right to call an endpoint. See kosbudget.Budget.
type Budget interface {
	Await(ctx context.Context, longest time.Duration) (wait time.Duration, err error)
	Throttled(ctx context.Context, retryAfter time.Duration) error
}

// Budgets are those of the endpoints. Orders are given their turn before; all
// else is asked whenever somebody wants to know.
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
	client    Client
	exchanges Exchanges
	budgets   Budgets
	outages   *outages
	now       func() time.Time
	newID     func() string
}

var (
	_ product.Carrier = (*Carrier)(nil)
	_ change.Carrier  = (*Carrier)(nil)
)

// New returns a carrier that calls KOS with client.
func New(client Client, exchanges Exchanges, budgets Budgets, now func() time.Time, newID func() string) *Carrier {
	return &Carrier{client: client, exchanges: exchanges, budgets: budgets, outages: newOutages(), now: now, newID: newID}
}

// Within returns the same carrier with other budgets: those of questions that
// nobody waits for.
func (c *Carrier) Within(budgets Budgets) *Carrier {
	other := *c
	other.budgets = budgets
	return &other
}

// question is one call.
type question struct {
	endpoint  string
	requestID string
	line      msisdn.Number
	body      any // nil: GET
}

// ask sends a question. Every exchange is recorded, also one that failed, and
// every replica hears of a refusal for having asked too often. It returns what
// kosclient returns.
func (c *Carrier) ask(ctx context.Context, q question) (kosclient.Answer, error) {
	start := c.now()
	var (
		answer kosclient.Answer
		err    error
	)
	if q.body == nil {
		answer, err = c.client.Get(ctx, prefix+q.endpoint)
	} else {
		answer, err = c.client.Post(ctx, prefix+q.endpoint, q.body)
	}
	c.exchanges.AppendExchange(ctx, change.Exchange{
		ID: c.newID(), RequestID: q.requestID, Endpoint: q.endpoint, Line: q.line,
		ResultCode: string(answer.ResultCode), Outcome: outcome(err), At: start, Took: c.now().Sub(start),
	})
	if errors.Is(err, kosclient.ErrBusy) {
		told := c.budgets.of(q.endpoint).Throttled(context.WithoutCancel(ctx), problem.From(err).RetryAfter)
		err = errors.Join(err, told) // what is not known to others, they will find out
	}
	return answer, err
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "ANSWERED"
	case errors.Is(err, kosclient.ErrBusy):
		return "BUSY"
	}
	return "UNAVAILABLE"
}

// patience is how long a customer's question waits for KOS's limit.
const patience = 2 * time.Second

// errOutage is the answer without a call while an endpoint cannot be asked.
var errOutage = errors.New("kos: could not be asked a moment ago")

// within waits for the right to ask a customer's question.
func (c *Carrier) within(ctx context.Context, endpoint string) error {
	if c.outages.last(endpoint, c.now()) {
		return unavailable(errOutage)
	}
	wait, err := c.budgets.of(endpoint).Await(ctx, patience)
	if err != nil {
		return change.ErrDatabase.WithCause(errors.Join(product.ErrUnavailable, err))
	}
	if wait > 0 {
		return unavailable(kosclient.ErrBusy.After(wait))
	}
	return nil
}

// unavailable keeps what the client is to be told and marks it as a failure to
// reach KOS.
func unavailable(err error) error {
	told := kosclient.ErrUnavailable
	if errors.Is(err, kosclient.ErrBusy) {
		told = problem.From(err) // with the time that KOS named
	}
	return told.WithCause(errors.Join(product.ErrUnavailable, err))
}
