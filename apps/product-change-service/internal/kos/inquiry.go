package kos

import (
	"context"
	"time"

	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/kos/exchange"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Result codes by which KOS refuses an inquiry (product.md).
const unknownLine kosclient.ResultCode = "1001"

// planData is the part about a plan that all answers have.
type planData struct {
	ProductCode    string `json:"productCode"`
	ProductName    string `json:"productName"`
	MonthlyFee     int64  `json:"monthlyFee"`
	DataAllowance  string `json:"dataAllowance"`
	VoiceAllowance string `json:"voiceAllowance"`
	SMSAllowance   string `json:"smsAllowance"`
	OperatorCode   string `json:"operatorCode"`
}

func (d *planData) check(form *kosclient.Form) {
	form.Code("productCode", d.ProductCode)
	form.Text("productName", d.ProductName)
	form.Won("monthlyFee", d.MonthlyFee)
	form.Text("dataAllowance", d.DataAllowance)
	form.Text("voiceAllowance", d.VoiceAllowance)
	form.Text("smsAllowance", d.SMSAllowance)
	form.Code("operatorCode", d.OperatorCode)
}

func (d *planData) product() product.Product {
	return product.Product{
		Code: d.ProductCode, Name: d.ProductName, MonthlyFee: d.MonthlyFee,
		Data: d.DataAllowance, Voice: d.VoiceAllowance, SMS: d.SMSAllowance, Operator: d.OperatorCode,
	}
}

// lineData is the data of an answer of product-inquiry, without members that are not read.
type lineData struct {
	line msisdn.Number // of the request

	LineNumber   string   `json:"lineNumber"`
	CustomerID   string   `json:"customerId"`
	CustomerName string   `json:"customerName"`
	LineStatus   string   `json:"lineStatus"`
	Product      planData `json:"product"`
	Contract     struct {
		ContractDate        string  `json:"contractDate"`
		TermEndDate         *string `json:"termEndDate"` // null if there is no term
		EarlyTerminationFee int64   `json:"earlyTerminationFee"`
	} `json:"contract"`
}

// Check implements kosclient.Checker.
func (d *lineData) Check() error {
	var form kosclient.Form
	form.Require(d.LineNumber == d.line.Digits(), kosclient.Mismatch, "another line")
	form.Customer("customerId", d.CustomerID)
	form.Text("customerName", d.CustomerName)
	form.Code("lineStatus", d.LineStatus)
	d.Product.check(&form)
	form.Day("contractDate", d.Contract.ContractDate, time.DateOnly)
	if d.Contract.TermEndDate != nil {
		form.Day("termEndDate", *d.Contract.TermEndDate, time.DateOnly)
	}
	form.Won("earlyTerminationFee", d.Contract.EarlyTerminationFee)
	return form.Err()
}

// catalogueData is the data of an answer of products, without members that are not read.
type catalogueData struct {
	Products []offerData `json:"products"`
}

type offerData struct {
	planData

	Description string `json:"description"`
	OnSale      bool   `json:"onSale"`
}

// maxPlans bounds the catalogue.
const maxPlans = 1000

// Check implements kosclient.Checker.
func (d *catalogueData) Check() error {
	var form kosclient.Form
	form.Require(len(d.Products) > 0 && len(d.Products) <= maxPlans, kosclient.Value, "products")
	codes := map[string]bool{}
	for i := range d.Products {
		offer := &d.Products[i]
		offer.check(&form)
		form.Text("description", offer.Description)
		form.Require(!codes[offer.ProductCode], kosclient.Value, "a plan twice")
		codes[offer.ProductCode] = true
	}
	return form.Err()
}

// Subscriber implements product.Carrier.
func (c *Carrier) Subscriber(ctx context.Context, requestID string, line msisdn.Number) (product.Subscriber, error) {
	data := lineData{line: line}
	err := c.inquire(ctx, exchange.Call{Endpoint: ProductInquiry, RequestID: requestID, Line: line, Body: map[string]string{
		"lineNumber": line.Digits(), "requestId": requestID,
	}}, &data)
	if err != nil {
		return product.Subscriber{}, err
	}
	termEnd := ""
	if data.Contract.TermEndDate != nil {
		termEnd = *data.Contract.TermEndDate
	}
	return product.Subscriber{
		Line: line, CustomerID: data.CustomerID, CustomerName: data.CustomerName, LineStatus: data.LineStatus,
		Product: data.Product.product(),
		Contract: product.Contract{
			Date: data.Contract.ContractDate, TermEnd: termEnd,
			TerminationFee: data.Contract.EarlyTerminationFee,
		},
		AsOf: c.now(),
	}, nil
}

// Catalogue implements product.Carrier.
func (c *Carrier) Catalogue(ctx context.Context, requestID string) (product.Catalogue, error) {
	var data catalogueData
	err := c.inquire(ctx, exchange.Call{Endpoint: Products, RequestID: requestID}, &data)
	if err != nil {
		return product.Catalogue{}, err
	}
	catalogue := product.Catalogue{AsOf: c.now()}
	for i := range data.Products {
		offer := data.Products[i].product()
		offer.Description, offer.OnSale = data.Products[i].Description, data.Products[i].OnSale
		catalogue.Products = append(catalogue.Products, offer)
	}
	return catalogue, nil
}

// inquire makes a read call, which must have been admitted, and decodes its data into out. It returns
// product.ErrUnknownLine, or an error that wraps product.ErrUnavailable.
func (c *Carrier) inquire(ctx context.Context, call exchange.Call, out kosclient.Checker) error {
	answer, err := c.call(ctx, call)
	c.outages.record(call.Endpoint, err, c.now())
	switch {
	case err != nil:
		return unavailable(err)
	case answer.ResultCode == unknownLine && call.Endpoint == ProductInquiry:
		return product.ErrUnknownLine
	case answer.ResultCode != kosclient.OK:
		return unavailable(answer.Unexpected(ctx))
	}
	if err := answer.Read(ctx, out); err != nil {
		return unavailable(err)
	}
	return nil
}
