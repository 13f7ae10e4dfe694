// Package kos asks KOS for bills and customers.
package kos

import (
	"context"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/kos/exchange"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

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

// Caller is the part of exchange.Caller that is used here.
type Caller interface {
	Call(ctx context.Context, call exchange.Call) (kosclient.Answer, error)
}

// Limits are the limits of KOS's endpoints. See budget.Budget.
type Limits map[bill.Endpoint]exchange.Limit

// Carrier is KOS as the bill package wants it. The right to call must have been
// taken.
type Carrier struct {
	caller Caller
	limits Limits
	now    func() time.Time
}

var _ bill.Carrier = (*Carrier)(nil)

// New returns a carrier that calls KOS with caller.
func New(caller Caller, limits Limits, now func() time.Time) *Carrier {
	return &Carrier{caller: caller, limits: limits, now: now}
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

// ask posts in and reads KOS's data into out.
func (c *Carrier) ask(ctx context.Context, endpoint bill.Endpoint, line msisdn.Number, in inquiry, out kosclient.Checker) error {
	answer, err := c.caller.Call(ctx, exchange.Call{
		Endpoint: string(endpoint), RequestID: in.RequestID, Line: line, Body: in, Limit: c.limits[endpoint],
	})
	if errors.Is(err, kosclient.ErrBusy) {
		return kosclient.ErrBusy.WithCause(errors.Join(bill.ErrMustWait, bill.ErrUnavailable, err))
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

// unavailable returns the problem that the client is shown, marked as a failure to
// reach KOS, and as one that every call would meet if it is.
func unavailable(err error) error {
	marks := []error{bill.ErrUnavailable, err}
	if exchange.NotCalled(err) {
		marks = append(marks, bill.ErrNotAsked)
	}
	return kosclient.ErrUnavailable.WithCause(errors.Join(marks...))
}
