// Package kos calls KOS for bills and customers.
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

// refusals are the result codes of each endpoint that are refusals. Any other code
// except OK is a fault.
var refusals = map[bill.Endpoint]map[kosclient.ResultCode]error{
	bill.BillInquiry:    {unknownLine: bill.ErrUnknownLine, notActive: bill.ErrSuspended, noBill: bill.ErrNoBill},
	bill.ProductInquiry: {unknownLine: bill.ErrUnknownLine, notActive: bill.ErrSuspended},
}

// Caller makes calls. See exchange.Caller.
type Caller interface {
	Call(ctx context.Context, call exchange.Call) (kosclient.Answer, error)
}

// Limits are the rate limits of KOS's endpoints. See budget.Budget.
type Limits map[bill.Endpoint]exchange.Limit

// Carrier implements bill.Carrier. Its calls must have been admitted.
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
	start := c.now() // the answer may lack changes of after the start of the call
	if err := c.call(ctx, bill.BillInquiry, line, in, &data); err != nil {
		return bill.Bill{}, err
	}
	return data.bill(start), nil
}

// Customer implements bill.Carrier.
func (c *Carrier) Customer(ctx context.Context, requestID string, line msisdn.Number) (bill.Customer, error) {
	data := productData{line: line}
	in := inquiry{LineNumber: line.Digits(), RequestID: requestID}
	if err := c.call(ctx, bill.ProductInquiry, line, in, &data); err != nil {
		return bill.Customer{}, err
	}
	return data.customer(data.Contract.ContractDate), nil
}

// call posts in to an endpoint and reads the data of the answer into out.
func (c *Carrier) call(ctx context.Context, endpoint bill.Endpoint, line msisdn.Number, in inquiry, out kosclient.Checker) error {
	answer, err := c.caller.Call(ctx, exchange.Call{
		Endpoint: string(endpoint), RequestID: in.RequestID, Line: line, Body: in, Limit: c.limits[endpoint],
	})
	if errors.Is(err, kosclient.ErrBusy) {
		return kosclient.ErrBusy.WithCause(errors.Join(bill.ErrThrottled, bill.ErrUnavailable, err))
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

// unavailable returns the error that clients see for a fault of KOS. It wraps
// bill.ErrUnavailable, and bill.ErrNotCalled if KOS was not called.
func unavailable(err error) error {
	marks := []error{bill.ErrUnavailable, err}
	if exchange.NotCalled(err) {
		marks = append(marks, bill.ErrNotCalled)
	}
	return kosclient.ErrUnavailable.WithCause(errors.Join(marks...))
}
