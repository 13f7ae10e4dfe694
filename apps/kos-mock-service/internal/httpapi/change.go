package httpapi

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"time"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
)

// productChange is an order to change the plan of a line.
type productChange struct {
	byToken
	lineRequest
	current, target string
	on              time.Time // zero: at once
}

func newProductChange() kosRequest { return &productChange{} }

func (q *productChange) read(r *http.Request) error {
	var in struct {
		LineNumber         string `json:"lineNumber"`
		CurrentProductCode string `json:"currentProductCode"`
		TargetProductCode  string `json:"targetProductCode"`
		EffectiveDate      string `json:"effectiveDate"` // YYYY-MM-DD
		RequestID          string `json:"requestId"`
	}
	if err := httpjson.Decode(r, &in); err != nil {
		return err
	}
	if err := q.take(in.LineNumber, in.RequestID); err != nil {
		return err
	}
	switch {
	case !productCodePattern.MatchString(in.CurrentProductCode):
		return badInput("currentProductCode")
	case !productCodePattern.MatchString(in.TargetProductCode):
		return badInput("targetProductCode")
	}
	if in.EffectiveDate != "" {
		day, err := time.Parse(time.DateOnly, in.EffectiveDate)
		if err != nil {
			return badInput("effectiveDate")
		}
		q.on = day
	}
	q.current, q.target = in.CurrentProductCode, in.TargetProductCode
	return nil
}

// productCodePattern matches well-formed codes. An unknown code is a business answer.
var productCodePattern = regexp.MustCompile(`^[A-Za-z0-9-]{1,40}$`)

func (q *productChange) answer(ctx context.Context, env answerEnv) (any, error) {
	placed, err := env.orders.Place(ctx, billing.Change{
		RequestID: q.requestID, Client: env.client, Number: q.number,
		Current: q.current, Target: q.target, On: q.on,
	}, env.settings.PopulationSize)
	switch {
	case errors.Is(err, billing.ErrRequestReused):
		return nil, badInput("requestId")
	case errors.Is(err, billing.ErrEffectiveDate):
		return nil, badInput("effectiveDate")
	case err != nil:
		return nil, err
	case placed.Refusal != nil:
		return nil, placed.Refusal
	}
	return describeOrder(placed), nil
}

// orderData is the JSON form of an accepted order. It is the same in every answer.
type orderData struct {
	RequestID           string      `json:"requestId"`
	LineNumber          string      `json:"lineNumber"`
	OrderNumber         string      `json:"orderNumber"`
	Status              string      `json:"status"` // APPLIED, SCHEDULED
	PreviousProductCode string      `json:"previousProductCode"`
	Product             planSummary `json:"product"`
	EffectiveDate       string      `json:"effectiveDate"` // YYYY-MM-DD
	ProcessedAt         time.Time   `json:"processedAt"`
}

func describeOrder(placed billing.Placed) orderData {
	plan, _ := billing.PlanByCode(placed.Target) // orders are accepted for existing plans only
	return orderData{
		RequestID:           placed.RequestID,
		LineNumber:          placed.Number.Digits(),
		OrderNumber:         placed.OrderNumber(),
		Status:              orderStatus(placed),
		PreviousProductCode: placed.Current,
		Product:             planSummary{plan.Code, plan.Name, plan.MonthlyFee},
		EffectiveDate:       placed.EffectiveFrom.Format(time.DateOnly),
		ProcessedAt:         placed.CreatedAt.UTC(),
	}
}

func orderStatus(placed billing.Placed) string {
	switch {
	case placed.Refusal != nil:
		return "REFUSED"
	case placed.Scheduled():
		return "SCHEDULED"
	}
	return "APPLIED"
}

// changeStatus is a request for the state of an order.
type changeStatus struct {
	byToken
	requestID string
}

func newChangeStatus() kosRequest { return &changeStatus{} }

func (q *changeStatus) read(r *http.Request) error {
	var in struct {
		RequestID string `json:"requestId"`
	}
	if err := httpjson.Decode(r, &in); err != nil {
		return err
	}
	if !validRequestID(in.RequestID) {
		return badInput("requestId")
	}
	q.requestID = in.RequestID
	return nil
}

func (q *changeStatus) subject() (requestID string, line msisdn.Number) { return q.requestID, "" }

// changeOutcome is the state of an order. Unknown fields are null.
type changeOutcome struct {
	RequestID     string     `json:"requestId"`
	Found         bool       `json:"found"`
	ResultCode    *string    `json:"resultCode"`
	ResultMessage *string    `json:"resultMessage"`
	Order         *orderData `json:"order"` // null unless accepted
}

func (q *changeStatus) answer(ctx context.Context, env answerEnv) (any, error) {
	outcome := changeOutcome{RequestID: q.requestID}
	placed, found, err := env.orders.Find(ctx, env.client, q.requestID)
	if err != nil || !found {
		return outcome, err
	}
	code, message := placed.ResultCode(), messageDone
	if placed.Refusal != nil {
		message = placed.Refusal.Message
	} else {
		order := describeOrder(placed)
		outcome.Order = &order
	}
	outcome.Found, outcome.ResultCode, outcome.ResultMessage = true, &code, &message
	return outcome, nil
}
