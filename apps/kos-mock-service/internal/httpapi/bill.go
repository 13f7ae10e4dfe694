package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
)

// billInquiry is a request for a line's bill of a month.
type billInquiry struct {
	byToken
	lineRequest
	month billing.Month
}

func newBillInquiry() kosRequest { return &billInquiry{} }

func (q *billInquiry) read(r *http.Request) error {
	var in struct {
		LineNumber   string `json:"lineNumber"`
		BillingMonth string `json:"billingMonth"`
		RequestID    string `json:"requestId"`
	}
	if err := httpjson.Decode(r, &in); err != nil {
		return err
	}
	if err := q.take(in.LineNumber, in.RequestID); err != nil {
		return err
	}
	month, err := billing.ParseMonth(in.BillingMonth)
	if err != nil {
		return badInput("billingMonth")
	}
	q.month = month
	return nil
}

func (q *billInquiry) answer(ctx context.Context, env answerEnv) (any, error) {
	line, err := env.directory.Find(ctx, q.number, env.settings.PopulationSize)
	if err != nil {
		return nil, err
	}
	bill, err := billing.BillFor(line, q.month, env.today)
	if err != nil {
		return nil, err
	}
	return describeBill(bill), nil
}

// billData is the JSON form of a bill. Days within a payment are YYYYMMDD, other days YYYY-MM-DD;
// money is in whole won.
type billData struct {
	LineNumber        string      `json:"lineNumber"`
	BillingMonth      string      `json:"billingMonth"` // YYYYMM
	Final             bool        `json:"final"`
	Product           planSummary `json:"product"`
	Customer          customer    `json:"customer"`
	Charges           charges     `json:"charges"`
	Usage             usage       `json:"usage"`
	BillStatus        string      `json:"billStatus"` // BILLED, OPEN
	DueDate           string      `json:"dueDate"`
	Contract          term        `json:"contract"`
	TerminationFee    billing.Won `json:"terminationFee"`
	DeviceInstallment billing.Won `json:"deviceInstallment"`
	Payment           payment     `json:"payment"`
}

// planSummary is the JSON form of a plan in bills and orders.
type planSummary struct {
	ProductCode string      `json:"productCode"`
	ProductName string      `json:"productName"`
	MonthlyFee  billing.Won `json:"monthlyFee"` // of a whole month
}

type customer struct {
	CustomerID   string           `json:"customerId"`
	CustomerName string           `json:"customerName"`
	OperatorCode billing.Operator `json:"operatorCode"`
	LineStatus   billing.Status   `json:"lineStatus"`
	ContractDate string           `json:"contractDate"`
}

type charges struct {
	MonthlyFee     billing.Won `json:"monthlyFee"` // the sum of Periods
	UsageFee       billing.Won `json:"usageFee"`
	DiscountAmount billing.Won `json:"discountAmount"` // the sum of Discounts
	TotalFee       billing.Won `json:"totalFee"`       // MonthlyFee + UsageFee - DiscountAmount
	TotalAmount    billing.Won `json:"totalAmount"`    // TotalFee and the instalment of a device
	Periods        []period    `json:"periods"`
	Discounts      []discount  `json:"discounts"`
}

// period is the price of one plan for a range of days, both inclusive.
type period struct {
	Name   string      `json:"name"`
	From   string      `json:"from"`
	To     string      `json:"to"`
	Amount billing.Won `json:"amount"`
}

type discount struct {
	Name   string      `json:"name"`
	Amount billing.Won `json:"amount"`
}

type usage struct {
	Data  string `json:"data"`
	Voice string `json:"voice"`
	SMS   string `json:"sms"`
}

type term struct {
	Description string  `json:"description"`
	TermEndDate *string `json:"termEndDate"` // null: no term
}

type payment struct {
	BillingDate   string `json:"billingDate"`
	PaymentStatus string `json:"paymentStatus"` // PAID, SCHEDULED
	PaymentMethod string `json:"paymentMethod"`
}

const compactDate = "20060102"

func describeBill(b billing.Bill) billData {
	billStatus, paymentStatus := "OPEN", "SCHEDULED"
	if b.Final {
		billStatus, paymentStatus = "BILLED", "PAID"
	}
	return billData{
		LineNumber:   b.Line.Number.Digits(),
		BillingMonth: b.Month.String(),
		Final:        b.Final,
		Product:      planSummary{b.Plan.Code, b.Plan.Name, b.Plan.MonthlyFee},
		Customer: customer{
			CustomerID: b.Line.Customer.ID, CustomerName: b.Line.Customer.Name, OperatorCode: b.Plan.Operator,
			LineStatus: b.Line.Status, ContractDate: b.Line.Contract.Start.Format(time.DateOnly),
		},
		Charges:           describeCharges(b),
		Usage:             usage{b.Usage.Data(), b.Usage.Voice(), b.Usage.SMS()},
		BillStatus:        billStatus,
		DueDate:           b.DueDate.Format(compactDate),
		Contract:          term{b.Line.Contract.Describe(b.AsOf), termEnd(b.Line, b.AsOf)},
		TerminationFee:    b.TerminationFee,
		DeviceInstallment: b.DeviceInstallment,
		Payment:           payment{b.BillingDate.Format(compactDate), paymentStatus, b.PaymentMethod},
	}
}

func describeCharges(b billing.Bill) charges {
	described := charges{
		MonthlyFee: b.MonthlyFee(), UsageFee: b.UsageFee, DiscountAmount: b.DiscountAmount(),
		TotalFee: b.TotalFee(), TotalAmount: b.TotalAmount(),
		Periods: make([]period, len(b.Charges)), Discounts: make([]discount, len(b.Discounts)),
	}
	for i, charge := range b.Charges {
		described.Periods[i] = period{
			charge.Plan.Name, charge.From.Format(compactDate), charge.To.Format(compactDate), charge.Amount,
		}
	}
	for i, given := range b.Discounts {
		described.Discounts[i] = discount(given)
	}
	return described
}

// termEnd returns the last day of the line's term, or nil without a term.
func termEnd(line billing.Line, day time.Time) *string {
	end, bound := line.Contract.TermEnd(day)
	if !bound {
		return nil
	}
	text := end.Format(time.DateOnly)
	return &text
}

// lineRequest is the part of a request that names a line.
type lineRequest struct {
	number    msisdn.Number
	requestID string
}

// take parses the fields that every request about a line has.
func (q *lineRequest) take(lineNumber, requestID string) error {
	number, err := msisdn.Parse(lineNumber)
	if err != nil {
		return badInput("lineNumber")
	}
	if !validRequestID(requestID) {
		return badInput("requestId")
	}
	q.number, q.requestID = number, requestID
	return nil
}

func (q *lineRequest) subject() (requestID string, line msisdn.Number) { return q.requestID, q.number }
