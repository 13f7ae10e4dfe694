package kos

import (
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// billData is the data of a bill inquiry's answer, as far as we read it.
type billData struct {
	LineNumber   string `json:"lineNumber"`
	BillingMonth string `json:"billingMonth"`
	Final        bool   `json:"final"`
	Product      struct {
		ProductCode string `json:"productCode"`
		ProductName string `json:"productName"`
	} `json:"product"`
	Customer customerData `json:"customer"`
	Charges  struct {
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

type customerData struct {
	CustomerID   string `json:"customerId"`
	CustomerName string `json:"customerName"`
	OperatorCode string `json:"operatorCode"`
	LineStatus   string `json:"lineStatus"`
	ContractDate string `json:"contractDate"`
}

func (d customerData) customer() bill.Customer {
	return bill.Customer{
		ID: d.CustomerID, Name: d.CustomerName, OperatorCode: d.OperatorCode,
		LineStatus: d.LineStatus, ContractSince: d.ContractDate,
	}
}

func (d *billData) bill(line msisdn.Number, month bill.Month, asOf time.Time) bill.Bill {
	return bill.Bill{
		Line: line, Month: month, Final: d.Final, AsOf: asOf,
		Customer:    d.Customer.customer(),
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

// productData is the data of a product inquiry's answer, as far as we read it.
type productData struct {
	customerData
	Contract struct {
		ContractDate string `json:"contractDate"`
	} `json:"contract"`
}

func (d *productData) customer() bill.Customer {
	customer := d.customerData.customer()
	customer.ContractSince = d.Contract.ContractDate
	return customer
}
