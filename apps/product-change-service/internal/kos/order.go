package kos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/kosclient"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

// How KOS has taken an order.
const (
	applied   = "APPLIED"
	scheduled = "SCHEDULED" // the plan changes on the order's day
)

type order struct {
	LineNumber         string     `json:"lineNumber"`
	CurrentProductCode string     `json:"currentProductCode"`
	TargetProductCode  string     `json:"targetProductCode"`
	EffectiveDate      change.Day `json:"effectiveDate,omitempty"`
	RequestID          string     `json:"requestId"`
}

// orderData is what KOS has made of an order, as far as we read it.
type orderData struct {
	RequestID  string `json:"requestId"`
	LineNumber string `json:"lineNumber"`
	Status     string `json:"status"`
	Product    struct {
		ProductCode string `json:"productCode"`
	} `json:"product"`
}

// result returns the answer to the order of c, unless it is another's.
func (d orderData) result(c change.Change, message string) (change.Result, error) {
	if d.RequestID != c.RequestID || d.LineNumber != c.Line.Digits() || d.Product.ProductCode != c.Target.Code ||
		d.Status != applied && d.Status != scheduled {
		return change.Result{}, noAnswer(errors.New("kos: answer to another order"))
	}
	return change.Result{Code: change.OK, Message: message, Scheduled: d.Status == scheduled}, nil
}

// Order implements change.Carrier. The right to call must have been taken.
func (c *Carrier) Order(ctx context.Context, ch change.Change) (change.Result, error) {
	answer, err := c.ask(ctx, question{ProductChange, ch.RequestID, ch.Line, order{
		LineNumber: ch.Line.Digits(), CurrentProductCode: ch.CurrentCode, TargetProductCode: ch.Target.Code,
		EffectiveDate: ch.Effective, RequestID: ch.RequestID,
	}})
	if err != nil {
		return change.Result{}, undone(err)
	}
	if answer.ResultCode != kosclient.OK {
		return refused(answer.ResultCode, answer.ResultMessage), nil
	}
	var data orderData
	if err := decode(answer.Data, &data); err != nil {
		return change.Result{}, noAnswer(err)
	}
	return data.result(ch, answer.ResultMessage)
}

type statusData struct {
	RequestID     string               `json:"requestId"`
	Found         bool                 `json:"found"`
	ResultCode    kosclient.ResultCode `json:"resultCode"`
	ResultMessage string               `json:"resultMessage"`
	Order         orderData            `json:"order"`
}

// statusPatience is how long the question for an outcome waits for KOS's limit.
const statusPatience = time.Second

// Inquire implements change.Carrier.
func (c *Carrier) Inquire(ctx context.Context, ch change.Change) (result change.Result, found bool, err error) {
	wait, err := c.budgets.Status.Await(ctx, statusPatience)
	if err != nil || wait > 0 {
		return change.Result{}, false, &change.NotAskedError{Reason: change.Limit, After: wait, Cause: err}
	}
	answer, err := c.ask(ctx, question{ChangeStatus, ch.RequestID, ch.Line, map[string]string{"requestId": ch.RequestID}})
	if err != nil {
		return change.Result{}, false, undone(err)
	}
	if answer.ResultCode != kosclient.OK {
		return change.Result{}, false, noAnswer(fmt.Errorf("kos: unexpected result code %s", answer.ResultCode))
	}
	var data statusData
	if err := decode(answer.Data, &data); err != nil {
		return change.Result{}, false, noAnswer(err)
	}
	return data.result(ch)
}

func (d statusData) result(c change.Change) (result change.Result, found bool, err error) {
	switch {
	case d.RequestID != c.RequestID, d.Found && d.ResultCode == "":
		return change.Result{}, false, noAnswer(errors.New("kos: status of another order"))
	case !d.Found:
		return change.Result{}, false, nil
	case d.ResultCode != kosclient.OK:
		return refused(d.ResultCode, d.ResultMessage), true, nil
	}
	result, err = d.Order.result(c, d.ResultMessage)
	return result, err == nil, err
}

// refused is KOS's no. Every business answer is one, also a code that is new.
func refused(code kosclient.ResultCode, message string) change.Result {
	return change.Result{Code: string(code), Message: message}
}

// undone sorts the failures of a call: those that every order would meet, and
// those after which nobody knows what KOS has done.
func undone(err error) error {
	if errors.Is(err, kosclient.ErrBusy) {
		return &change.NotAskedError{Reason: change.KOSBusy, After: problem.From(err).RetryAfter, Cause: err}
	}
	if notAsked(err) {
		return &change.NotAskedError{Reason: change.KOSUnavailable, Cause: err}
	}
	return noAnswer(err)
}

func noAnswer(err error) error { return errors.Join(change.ErrNoAnswer, err) }
