// Package kos asks KOS for bills and customers and tells every exchange to the
// history of processing.
package kos

import (
	"context"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// prefix is what the paths of KOS's endpoints begin with. They are fixed, since
// the sidecar keeps a circuit breaker for each path.
const prefix = "/api/kos/"

// KOS's refusals of an inquiry (product definition, section KOS).
const (
	unknownLine kosclient.ResultCode = "1001"
	notActive   kosclient.ResultCode = "1002"
	noBill      kosclient.ResultCode = "1003"
)

// refusals are those of each endpoint: any other code is a fault.
var refusals = map[bill.Endpoint]map[kosclient.ResultCode]error{
	bill.BillInquiry:    {unknownLine: bill.ErrUnknownLine, notActive: bill.ErrSuspended, noBill: bill.ErrNoBill},
	bill.ProductInquiry: {unknownLine: bill.ErrUnknownLine, notActive: bill.ErrSuspended},
}

// Poster is the part of kosclient.Client that is used here.
type Poster interface {
	Post(ctx context.Context, path string, in any) (kosclient.Answer, error)
}

// Exchanges takes the record of each exchange.
type Exchanges interface {
	AppendExchange(ctx context.Context, e bill.Exchange)
}

// Limits hear of KOS's refusals for having asked too often. See
// kosbudget.Budget.
type Limits interface {
	Throttled(ctx context.Context, endpoint bill.Endpoint, retryAfter time.Duration) error
}

// Carrier is KOS as the bill package wants it. The right to ask must have been
// taken.
type Carrier struct {
	client    Poster
	exchanges Exchanges
	limits    Limits
	now       func() time.Time
	newID     func() string
}

var _ bill.Carrier = (*Carrier)(nil)

// New returns a carrier that calls KOS with client.
func New(client Poster, exchanges Exchanges, limits Limits, now func() time.Time, newID func() string) *Carrier {
	return &Carrier{client: client, exchanges: exchanges, limits: limits, now: now, newID: newID}
}

type inquiry struct {
	LineNumber   string `json:"lineNumber"`
	BillingMonth string `json:"billingMonth,omitempty"` // YYYYMM
	RequestID    string `json:"requestId"`
}

// Bill implements bill.Carrier.
func (c *Carrier) Bill(ctx context.Context, requestID string, line msisdn.Number, month bill.Month) (bill.Bill, error) {
	data := billData{subject: bill.Subject{Line: line, Month: month}}
	in := inquiry{LineNumber: line.Digits(), BillingMonth: month.Compact(), RequestID: requestID}
	asked := c.now() // what changes meanwhile may be in the answer or not
	if err := c.ask(ctx, bill.BillInquiry, line, in, &data); err != nil {
		return bill.Bill{}, err
	}
	return data.bill(asked), nil
}

// Customer implements bill.Carrier.
func (c *Carrier) Customer(ctx context.Context, requestID string, line msisdn.Number) (bill.Customer, error) {
	data := productData{line: line}
	in := inquiry{LineNumber: line.Digits(), RequestID: requestID}
	asked := c.now()
	if err := c.ask(ctx, bill.ProductInquiry, line, in, &data); err != nil {
		return bill.Customer{}, err
	}
	customer := data.customer(data.Contract.ContractDate)
	customer.AsOf = asked
	return customer, nil
}

// ask posts in and reads KOS's data into out. Every exchange is recorded, also
// one that failed, and every replica hears of a refusal for having asked too
// often.
func (c *Carrier) ask(ctx context.Context, endpoint bill.Endpoint, line msisdn.Number, in inquiry, out kosclient.Checker) error {
	start := c.now()
	answer, err := c.client.Post(ctx, prefix+string(endpoint), in)
	c.exchanges.AppendExchange(ctx, bill.Exchange{
		ID: c.newID(), RequestID: in.RequestID, Endpoint: string(endpoint), Line: line,
		ResultCode: string(answer.ResultCode), Outcome: outcome(err), At: start, Took: c.now().Sub(start),
	})
	if errors.Is(err, kosclient.ErrBusy) {
		told := c.limits.Throttled(context.WithoutCancel(ctx), endpoint, problem.From(err).RetryAfter)
		return kosclient.ErrBusy.WithCause(errors.Join(bill.ErrMustWait, err, told))
	}
	if err != nil {
		return unavailable(err)
	}
	if refusal, refused := refusals[endpoint][answer.ResultCode]; refused {
		return refusal
	}
	if answer.ResultCode != kosclient.OK {
		return unavailable(answer.Unexpected(ctx))
	}
	if err := answer.Read(ctx, out); err != nil {
		return unavailable(err)
	}
	return nil
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

// unavailable keeps what the client is to be told and marks it as a failure to
// reach KOS, and as one that every question would meet if it is.
func unavailable(err error) error {
	marks := []error{bill.ErrUnavailable, err}
	failed, ok := errors.AsType[*sidecar.InvokeError](err)
	if ok && (failed.Reason == sidecar.BreakerOpen || failed.Reason == sidecar.Refused) {
		marks = append(marks, bill.ErrNotAsked)
	}
	return kosclient.ErrUnavailable.WithCause(errors.Join(marks...))
}
