package httpapi

import "github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"

// billInfo is a bill as clients see it. TotalFee is the sum of the charges, and
// TotalAmount the amount that the customer pays: TotalFee and the instalment of a
// device.
type billInfo struct {
	LineNumber        string          `json:"lineNumber"`
	BillingMonth      string          `json:"billingMonth"` // YYYYMM
	ProductCode       string          `json:"productCode"`
	ProductName       string          `json:"productName"`
	MonthlyFee        int64           `json:"monthlyFee"`
	UsageFee          int64           `json:"usageFee"`
	DiscountAmount    int64           `json:"discountAmount"`
	TotalFee          int64           `json:"totalFee"`
	TotalAmount       int64           `json:"totalAmount"`
	Charges           []bill.Charge   `json:"charges"`
	DiscountInfo      []bill.Discount `json:"discountInfo"`
	DataUsage         string          `json:"dataUsage"`
	VoiceUsage        string          `json:"voiceUsage"`
	SMSUsage          string          `json:"smsUsage"`
	Usage             usage           `json:"usage"`
	BillStatus        string          `json:"billStatus"`
	DueDate           string          `json:"dueDate"` // YYYYMMDD
	ContractInfo      string          `json:"contractInfo"`
	TerminationFee    int64           `json:"terminationFee"`
	DeviceInstallment int64           `json:"deviceInstallment"`
	PaymentInfo       paymentInfo     `json:"paymentInfo"`
}

type usage struct {
	Voice string `json:"voice"`
	SMS   string `json:"sms"`
	Data  string `json:"data"`
}

type paymentInfo struct {
	BillingDate   string `json:"billingDate"` // YYYYMMDD
	PaymentStatus string `json:"paymentStatus"`
	PaymentMethod string `json:"paymentMethod"`
}

type customerInfo struct {
	CustomerName string `json:"customerName"`
	CustomerID   string `json:"customerId"`
	OperatorCode string `json:"operatorCode"`
	LineStatus   string `json:"lineStatus"`
}

func newBillInfo(b bill.Bill) *billInfo {
	discounts := b.Charges.Discounts
	if discounts == nil {
		discounts = []bill.Discount{} // clients iterate over it
	}
	return &billInfo{
		LineNumber:        b.Line.Digits(),
		BillingMonth:      b.Month.Compact(),
		ProductCode:       b.ProductCode,
		ProductName:       b.ProductName,
		MonthlyFee:        b.Charges.Monthly,
		UsageFee:          b.Charges.Usage,
		DiscountAmount:    b.Charges.Discount,
		TotalFee:          b.Charges.Total,
		TotalAmount:       b.TotalAmount(),
		Charges:           b.Charges.Periods,
		DiscountInfo:      discounts,
		DataUsage:         b.Usage.Data,
		VoiceUsage:        b.Usage.Voice,
		SMSUsage:          b.Usage.SMS,
		Usage:             usage{Voice: b.Usage.Voice, SMS: b.Usage.SMS, Data: b.Usage.Data},
		BillStatus:        b.Status,
		DueDate:           b.DueDate,
		ContractInfo:      b.Contract,
		TerminationFee:    b.TerminationFee,
		DeviceInstallment: b.DeviceInstallment,
		PaymentInfo: paymentInfo{
			BillingDate: b.Payment.BillingDate, PaymentStatus: b.Payment.Status, PaymentMethod: b.Payment.Method,
		},
	}
}

func newCustomerInfo(c bill.Customer) *customerInfo {
	return &customerInfo{CustomerName: c.Name, CustomerID: c.ID, OperatorCode: c.OperatorCode, LineStatus: c.LineStatus}
}
