package kos

import (
	"context"
	"errors"
	"slices"
	"time"

	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/kos/exchange"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

// States of an order that KOS has accepted.
const (
	applied   = "APPLIED"
	scheduled = "SCHEDULED" // the plan changes on the order's day
)

// refusals are the result codes by which KOS refuses an order (product.md). Any other
// code is a fault of KOS: whether the order was carried out is not known.
var refusals = []kosclient.ResultCode{"2001", "2002", "2003", "2004", "2005", "2006", "2099"}

type order struct {
	LineNumber         string     `json:"lineNumber"`
	CurrentProductCode string     `json:"currentProductCode"`
	TargetProductCode  string     `json:"targetProductCode"`
	EffectiveDate      change.Day `json:"effectiveDate,omitempty"`
	RequestID          string     `json:"requestId"`
}

// orderData is KOS's record of an order, without members that are not read.
type orderData struct {
	change *change.Change // of the request

	RequestID  string `json:"requestId"`
	LineNumber string `json:"lineNumber"`
	Status     string `json:"status"`
	Product    struct {
		ProductCode string `json:"productCode"`
	} `json:"product"`
}

// Check implements kosclient.Checker.
func (d *orderData) Check() error {
	var form kosclient.Form
	form.Require(d.RequestID == d.change.RequestID, kosclient.Mismatch, "another order")
	form.Require(d.LineNumber == d.change.Line.Digits(), kosclient.Mismatch, "another line")
	form.Require(d.Product.ProductCode == d.change.Target.Code, kosclient.Mismatch, "another plan")
	form.OneOf("status", d.Status, applied, scheduled)
	return form.Err()
}

func (d *orderData) result(message string) change.Result {
	return change.Result{Code: change.OK, Message: readable(message, "상품 변경이 접수되었습니다."), Scheduled: d.Status == scheduled}
}

// Order implements change.Carrier. The call must have been admitted.
func (c *Carrier) Order(ctx context.Context, ch change.Change) (change.Result, error) {
	answer, err := c.call(ctx, exchange.Call{Endpoint: ProductChange, RequestID: ch.RequestID, Line: ch.Line, Body: order{
		LineNumber: ch.Line.Digits(), CurrentProductCode: ch.CurrentCode, TargetProductCode: ch.Target.Code,
		EffectiveDate: ch.Effective, RequestID: ch.RequestID,
	}})
	if err != nil {
		return change.Result{}, classify(err)
	}
	switch {
	case slices.Contains(refusals, answer.ResultCode):
		return refused(answer.ResultCode, answer.ResultMessage), nil
	case answer.ResultCode != kosclient.OK:
		return change.Result{}, noAnswer(answer.Unexpected(ctx))
	}
	data := orderData{change: &ch}
	if err := answer.Read(ctx, &data); err != nil {
		return change.Result{}, noAnswer(err)
	}
	return data.result(answer.ResultMessage), nil
}

// statusData is the data of an answer of product-change-status. Members are null for an
// order that KOS has not found or has refused.
type statusData struct {
	change *change.Change // of the request

	RequestID     string                `json:"requestId"`
	Found         bool                  `json:"found"`
	ResultCode    *kosclient.ResultCode `json:"resultCode"`
	ResultMessage *string               `json:"resultMessage"`
	Order         *orderData            `json:"order"`
}

// Check implements kosclient.Checker.
func (d *statusData) Check() error {
	var form kosclient.Form
	form.Require(d.RequestID == d.change.RequestID, kosclient.Mismatch, "status of another order")
	if !d.Found {
		return form.Err()
	}
	form.Require(d.ResultCode != nil, kosclient.Shape, "no resultCode")
	form.Require(d.ResultMessage != nil, kosclient.Shape, "no resultMessage")
	if form.Err() == nil {
		form.Require(d.ResultCode.Valid(), kosclient.Value, "resultCode")
		form.Require(*d.ResultCode == kosclient.OK || slices.Contains(refusals, *d.ResultCode), kosclient.Code, "not one of an order's")
	}
	if err := form.Err(); err != nil || *d.ResultCode != kosclient.OK {
		return err
	}
	if d.Order == nil {
		return kosclient.NewAnswerError(kosclient.Shape, "no order")
	}
	d.Order.change = d.change
	return d.Order.Check()
}

// statusWait is how long a call of product-change-status waits for its admission.
const statusWait = time.Second

// Inquire implements change.Carrier.
func (c *Carrier) Inquire(ctx context.Context, ch change.Change) (result change.Result, found bool, err error) {
	wait, err := c.budgets.Status.Await(ctx, statusWait)
	if err != nil || wait > 0 {
		return change.Result{}, false, &change.NotCalledError{Reason: change.Limit, After: wait, Cause: err}
	}
	answer, err := c.call(ctx, exchange.Call{
		Endpoint: ChangeStatus, RequestID: ch.RequestID, Line: ch.Line, Body: map[string]string{"requestId": ch.RequestID},
	})
	if err != nil {
		return change.Result{}, false, classify(err)
	}
	if answer.ResultCode != kosclient.OK {
		return change.Result{}, false, noAnswer(answer.Unexpected(ctx))
	}
	data := statusData{change: &ch}
	if err := answer.Read(ctx, &data); err != nil {
		return change.Result{}, false, noAnswer(err)
	}
	result, found = data.result()
	return result, found, nil
}

func (d *statusData) result() (result change.Result, found bool) {
	switch {
	case !d.Found:
		return change.Result{}, false
	case *d.ResultCode != kosclient.OK:
		return refused(*d.ResultCode, *d.ResultMessage), true
	}
	return d.Order.result(*d.ResultMessage), true
}

// refused returns the result of an order that KOS has refused.
func refused(code kosclient.ResultCode, message string) change.Result {
	return change.Result{Code: string(code), Message: readable(message, "통신사에서 상품 변경을 처리할 수 없습니다.")}
}

// readable returns message if it is fit for customers, and instead otherwise.
func readable(message, instead string) string {
	if kosclient.Readable(message) {
		return message
	}
	return instead
}

// classify returns a *change.NotCalledError for errors that every order would meet, and
// wraps all others in change.ErrNoAnswer: KOS may have carried out the order.
func classify(err error) error {
	if errors.Is(err, kosclient.ErrBusy) {
		return &change.NotCalledError{Reason: change.KOSBusy, After: problem.From(err).RetryAfter, Cause: err}
	}
	if exchange.NotCalled(err) {
		return &change.NotCalledError{Reason: change.KOSUnavailable, Cause: err}
	}
	return noAnswer(err)
}

func noAnswer(err error) error { return errors.Join(change.ErrNoAnswer, err) }
