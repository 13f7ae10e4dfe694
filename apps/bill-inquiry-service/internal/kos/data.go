package kos

import (
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// billData is the part of a bill inquiry's answer that the service reads.
type billData struct {
	subject bill.Subject // of the call

	LineNumber   string `json:"lineNumber"`
	BillingMonth string `json:"billingMonth"`
	Final        bool   `json:"final"`
	Product      struct {
		ProductCode string `json:"productCode"`
		ProductName string `json:"productName"`
	} `json:"product"`
	Customer struct {
		customerData

		ContractDate string `json:"contractDate"`
	} `json:"customer"`
	Charges struct {
		MonthlyFee     int64           `json:"monthlyFee"`
		UsageFee       int64           `json:"usageFee"`
		DiscountAmount int64           `json:"discountAmount"`
		TotalFee       int64           `json:"totalFee"`
		TotalAmount    int64           `json:"totalAmount"`
		Periods        []bill.Charge   `json:"periods"`
		Discounts      []bill.Discount `json:"discounts"`
	} `json:"charges"`
	Usage      bill.Usage `json:"usage"`
	BillStatus string     `json:"billStatus"`
	DueDate    string     `json:"dueDate"`
	Contract   struct {
		Description string `json:"description"`
	} `json:"contract"`
	TerminationFee    int64 `json:"terminationFee"`
	DeviceInstallment int64 `json:"deviceInstallment"`
	Payment           struct {
		BillingDate   string `json:"billingDate"`
		PaymentStatus string `json:"paymentStatus"`
		PaymentMethod string `json:"paymentMethod"`
	} `json:"payment"`
}

// Check implements kosclient.Checker.
func (d *billData) Check() error {
	var form kosclient.Form
	form.Require(d.LineNumber == d.subject.Line.Digits(), kosclient.Mismatch, "another line")
	form.Require(d.BillingMonth == d.subject.Month.Compact(), kosclient.Mismatch, "another month")
	d.Customer.check(&form)
	form.Day("contractDate", d.Customer.ContractDate, time.DateOnly)
	form.Code("productCode", d.Product.ProductCode)
	form.Text("productName", d.Product.ProductName)
	form.OneOf("billStatus", d.BillStatus, "OPEN", "BILLED")
	form.Day("dueDate", d.DueDate, compactDay)
	form.Text("contract.description", d.Contract.Description)
	form.Day("billingDate", d.Payment.BillingDate, compactDay)
	form.Code("paymentStatus", d.Payment.PaymentStatus)
	form.Text("paymentMethod", d.Payment.PaymentMethod)
	for name, text := range map[string]string{"usage.data": d.Usage.Data, "usage.voice": d.Usage.Voice, "usage.sms": d.Usage.SMS} {
		form.Text(name, text)
	}
	d.checkAmounts(&form)
	return form.Err()
}

// checkAmounts checks the names and amounts of charges and discounts, and their sums.
func (d *billData) checkAmounts(form *kosclient.Form) {
	for _, discount := range d.Charges.Discounts {
		form.Text("discounts.name", discount.Name)
	}
	for _, period := range d.Charges.Periods {
		form.Text("periods.name", period.Name)
	}
	parsed := d.bill(time.Time{})
	if err := parsed.CheckAmounts(); err != nil {
		form.Require(false, kosclient.Amount, err.Error())
	}
	form.Require(d.Charges.TotalAmount == parsed.TotalAmount(), kosclient.Amount, "total amount is not the sum of its parts")
}

// compactDay is the layout of days within a payment.
const compactDay = "20060102"

type customerData struct {
	CustomerID   string `json:"customerId"`
	CustomerName string `json:"customerName"`
	OperatorCode string `json:"operatorCode"`
	LineStatus   string `json:"lineStatus"`
}

func (d *customerData) check(form *kosclient.Form) {
	form.Customer("customerId", d.CustomerID)
	form.Text("customerName", d.CustomerName)
	form.Code("operatorCode", d.OperatorCode)
	form.Code("lineStatus", d.LineStatus)
}

func (d *customerData) customer(since string) bill.Customer {
	return bill.Customer{
		ID: d.CustomerID, Name: d.CustomerName, OperatorCode: d.OperatorCode,
		LineStatus: d.LineStatus, ContractSince: since,
	}
}

func (d *billData) bill(asOf time.Time) bill.Bill {
	return bill.Bill{
		Line: d.subject.Line, Month: d.subject.Month, Final: d.Final, AsOf: asOf,
		Customer:    d.Customer.customer(d.Customer.ContractDate),
		ProductCode: d.Product.ProductCode,
		ProductName: d.Product.ProductName,
		Charges: bill.Charges{
			Monthly: d.Charges.MonthlyFee, Usage: d.Charges.UsageFee, Discount: d.Charges.DiscountAmount,
			Total: d.Charges.TotalFee, Periods: d.Charges.Periods, Discounts: d.Charges.Discounts,
		},
		Usage:             d.Usage,
		Status:            d.BillStatus,
		DueDate:           d.DueDate,
		Contract:          d.Contract.Description,
		TerminationFee:    d.TerminationFee,
		DeviceInstallment: d.DeviceInstallment,
		Payment: bill.Payment{
			BillingDate: d.Payment.BillingDate, Status: d.Payment.PaymentStatus, Method: d.Payment.PaymentMethod,
		},
	}
}

// productData is the part of a product inquiry's answer that the service reads.
type productData struct {
	customerData

	line msisdn.Number // of the call

	LineNumber string `json:"lineNumber"`
	Contract   struct {
		ContractDate string `json:"contractDate"`
	} `json:"contract"`
}

// Check implements kosclient.Checker.
func (d *productData) Check() error {
	var form kosclient.Form
	form.Require(d.LineNumber == d.line.Digits(), kosclient.Mismatch, "another line")
	d.check(&form)
	form.Day("contractDate", d.Contract.ContractDate, time.DateOnly)
	return form.Err()
}
