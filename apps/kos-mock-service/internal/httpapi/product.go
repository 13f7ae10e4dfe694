package httpapi

import (
	"context"
	"net/http"
	"regexp"
	"time"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
)

// productInquiry is a request for a line's customer, plan and contract.
type productInquiry struct {
	byToken
	lineRequest
}

func newProductInquiry() kosRequest { return &productInquiry{} }

func (q *productInquiry) read(r *http.Request) error {
	var in struct {
		LineNumber string `json:"lineNumber"`
		RequestID  string `json:"requestId"`
	}
	if err := httpjson.Decode(r, &in); err != nil {
		return err
	}
	return q.take(in.LineNumber, in.RequestID)
}

func (q *productInquiry) answer(ctx context.Context, env answerEnv) (any, error) {
	line, err := env.directory.Find(ctx, q.number, env.settings.PopulationSize)
	if err != nil {
		return nil, err
	}
	plan := line.PlanOn(env.today)
	return lineData{
		LineNumber:   line.Number.Digits(),
		CustomerID:   line.Customer.ID,
		CustomerName: line.Customer.Name,
		LineStatus:   line.Status,
		OperatorCode: plan.Operator,
		Product:      describePlan(plan),
		Contract: contract{
			ContractDate:        line.Contract.Start.Format(time.DateOnly),
			TermEndDate:         termEnd(line, env.today),
			EarlyTerminationFee: line.TerminationFee(env.today),
		},
	}, nil
}

// lineData is the JSON form of a line.
type lineData struct {
	LineNumber   string           `json:"lineNumber"`
	CustomerID   string           `json:"customerId"`
	CustomerName string           `json:"customerName"`
	LineStatus   billing.Status   `json:"lineStatus"`
	OperatorCode billing.Operator `json:"operatorCode"`
	Product      product          `json:"product"`
	Contract     contract         `json:"contract"`
}

type contract struct {
	ContractDate        string      `json:"contractDate"` // YYYY-MM-DD
	TermEndDate         *string     `json:"termEndDate"`  // null: no term
	EarlyTerminationFee billing.Won `json:"earlyTerminationFee"`
}

type product struct {
	ProductCode    string           `json:"productCode"`
	ProductName    string           `json:"productName"`
	MonthlyFee     billing.Won      `json:"monthlyFee"`
	DataAllowance  string           `json:"dataAllowance"`
	VoiceAllowance string           `json:"voiceAllowance"`
	SMSAllowance   string           `json:"smsAllowance"`
	OperatorCode   billing.Operator `json:"operatorCode"`
}

func describePlan(plan billing.Plan) product {
	return product{
		ProductCode: plan.Code, ProductName: plan.Name, MonthlyFee: plan.MonthlyFee,
		DataAllowance: plan.Data.String(), VoiceAllowance: plan.Voice.String(), SMSAllowance: plan.SMS.String(),
		OperatorCode: plan.Operator,
	}
}

// catalogue is a request for all plans.
type catalogue struct{ byToken }

func newCatalogue() kosRequest { return catalogue{} }

func (catalogue) read(*http.Request) error { return nil }

func (catalogue) subject() (requestID string, line msisdn.Number) { return "", "" }

type offer struct {
	product
	Description string `json:"description"`
	OnSale      bool   `json:"onSale"`
}

type offers struct {
	Products []offer `json:"products"`
}

func (catalogue) answer(context.Context, answerEnv) (any, error) {
	var all offers
	for _, plan := range billing.Plans() {
		all.Products = append(all.Products, offer{describePlan(plan), plan.Description, plan.OnSale})
	}
	return all, nil
}

// requestIDPattern limits the request ids that clients choose.
var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func validRequestID(text string) bool { return requestIDPattern.MatchString(text) }
