package kos

import (
	"context"
	"errors"
	"fmt"

	"github.com/phonebill/phonebill/apps/internal/kosclient"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// KOS's refusals of an inquiry (product definition, section KOS).
const unknownLine kosclient.ResultCode = "1001"

type productData struct {
	ProductCode    string `json:"productCode"`
	ProductName    string `json:"productName"`
	Description    string `json:"description"`
	MonthlyFee     int64  `json:"monthlyFee"`
	DataAllowance  string `json:"dataAllowance"`
	VoiceAllowance string `json:"voiceAllowance"`
	SMSAllowance   string `json:"smsAllowance"`
	OperatorCode   string `json:"operatorCode"`
	OnSale         bool   `json:"onSale"`
}

func (d productData) product() product.Product {
	return product.Product{
		Code: d.ProductCode, Name: d.ProductName, Description: d.Description, MonthlyFee: d.MonthlyFee,
		Data: d.DataAllowance, Voice: d.VoiceAllowance, SMS: d.SMSAllowance,
		Operator: d.OperatorCode, OnSale: d.OnSale,
	}
}

type lineData struct {
	LineNumber   string      `json:"lineNumber"`
	CustomerID   string      `json:"customerId"`
	CustomerName string      `json:"customerName"`
	LineStatus   string      `json:"lineStatus"`
	Product      productData `json:"product"`
	Contract     struct {
		ContractDate        string `json:"contractDate"`
		TermEndDate         string `json:"termEndDate"` // null: not bound
		EarlyTerminationFee int64  `json:"earlyTerminationFee"`
	} `json:"contract"`
}

// Subscriber implements product.Carrier.
func (c *Carrier) Subscriber(ctx context.Context, line msisdn.Number) (product.Subscriber, error) {
	requestID := c.newID()
	var data lineData
	err := c.inquire(ctx, question{ProductInquiry, requestID, line, map[string]string{
		"lineNumber": line.Digits(), "requestId": requestID,
	}}, &data)
	if err != nil {
		return product.Subscriber{}, err
	}
	if data.LineNumber != line.Digits() || data.Product.ProductCode == "" {
		return product.Subscriber{}, unavailable(errors.New("kos: data of another line, or without a plan"))
	}
	return product.Subscriber{
		Line: line, CustomerID: data.CustomerID, CustomerName: data.CustomerName, LineStatus: data.LineStatus,
		Product: data.Product.product(),
		Contract: product.Contract{
			Date: data.Contract.ContractDate, TermEnd: data.Contract.TermEndDate,
			TerminationFee: data.Contract.EarlyTerminationFee,
		},
		AsOf: c.now(),
	}, nil
}

// Catalogue implements product.Carrier.
func (c *Carrier) Catalogue(ctx context.Context) (product.Catalogue, error) {
	var data struct {
		Products []productData `json:"products"`
	}
	err := c.inquire(ctx, question{endpoint: Products, requestID: c.newID()}, &data)
	if err != nil {
		return product.Catalogue{}, err
	}
	if len(data.Products) == 0 {
		return product.Catalogue{}, unavailable(errors.New("kos: empty catalogue"))
	}
	catalogue := product.Catalogue{AsOf: c.now()}
	for _, one := range data.Products {
		catalogue.Products = append(catalogue.Products, one.product())
	}
	return catalogue, nil
}

// inquire asks a customer's question and reads the data of its answer.
func (c *Carrier) inquire(ctx context.Context, q question, out any) error {
	if err := c.within(ctx, q.endpoint); err != nil {
		return err
	}
	answer, err := c.ask(ctx, q)
	c.outages.note(q.endpoint, err, c.now())
	switch {
	case err != nil:
		return unavailable(err)
	case answer.ResultCode == unknownLine:
		return product.ErrUnknownLine
	case answer.ResultCode != kosclient.OK:
		return unavailable(fmt.Errorf("kos: unexpected result code %s", answer.ResultCode))
	}
	if err := decode(answer.Data, out); err != nil {
		return unavailable(err)
	}
	return nil
}
