package api

import (
	"regexp"
	"time"
)

// Failure is the error envelope.
type Failure struct {
	Success bool         `json:"success"`
	Error   FailureError `json:"error"`
	Message string       `json:"message"`
}

// FailureError is the error in the envelope.
type FailureError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	TraceID string `json:"traceId"`
	Details struct {
		FieldErrors map[string]string `json:"fieldErrors"`
	} `json:"details"`
}

var traceID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Fault returns what is wrong with the envelope, or "".
func (f Failure) Fault() string {
	switch {
	case f.Success:
		return "a failure must not say success"
	case f.Message == "" || f.Message != f.Error.Message:
		return "message must repeat error.message"
	case !traceID.MatchString(f.Error.TraceID):
		return "no trace id"
	}
	return ""
}

// Tokens are the answer to a login or a refresh.
type Tokens struct {
	Access     string `json:"access_token"`
	Refresh    string `json:"refresh_token"`
	ExpiresIn  int    `json:"expires_in"` // seconds
	UserID     string `json:"user_id"`
	CustomerID string `json:"customer_id"`
	Line       string `json:"line_number"`
}

// Registration is the request to create an account.
type Registration struct {
	UserID     string `json:"userId"`
	CustomerID string `json:"customerId"`
	Line       string `json:"lineNumber"`
	Name       string `json:"userName"`
	Password   string `json:"password"`
}

// User is an account.
type User struct {
	ID          string   `json:"user_id"`
	Name        string   `json:"user_name"`
	CustomerID  string   `json:"customer_id"`
	Line        string   `json:"line_number"`
	Status      string   `json:"account_status"`
	Permissions []string `json:"permissions"`
}

// Menu lists the lines and months that can be inquired.
type Menu struct {
	CustomerInfo struct {
		CustomerID string `json:"customerId"`
		Line       string `json:"lineNumber"`
	} `json:"customerInfo"`
	AvailableMonths []string `json:"availableMonths"` // YYYY-MM, newest first
	CurrentMonth    string   `json:"currentMonth"`
	Stale           bool     `json:"stale"`
}

// Inquiry is a completed inquiry.
type Inquiry struct {
	RequestID    string    `json:"requestId"`
	Status       string    `json:"status"`
	Bill         *Bill     `json:"billInfo"`
	CustomerInfo Customer  `json:"customerInfo"`
	AsOf         time.Time `json:"asOf"`
	Stale        bool      `json:"stale"`
}

// Customer is the customer of a line.
type Customer struct {
	Name       string `json:"customerName"`
	ID         string `json:"customerId"`
	LineStatus string `json:"lineStatus"`
}

// Bill is the tested part of a month's bill; amounts are in won.
type Bill struct {
	Line        string     `json:"lineNumber"`
	Month       string     `json:"billingMonth"` // YYYYMM
	ProductCode string     `json:"productCode"`
	MonthlyFee  int64      `json:"monthlyFee"`
	UsageFee    int64      `json:"usageFee"`
	Discount    int64      `json:"discountAmount"`
	TotalFee    int64      `json:"totalFee"`
	TotalAmount int64      `json:"totalAmount"`
	Installment int64      `json:"deviceInstallment"`
	Charges     []Charge   `json:"charges"`
	Discounts   []Discount `json:"discountInfo"`
	Status      string     `json:"billStatus"`
	Payment     struct {
		Status string `json:"paymentStatus"`
	} `json:"paymentInfo"`
}

// Charge is the price of one plan for a range of days, YYYYMMDD, both inclusive.
type Charge struct {
	Name   string `json:"name"`
	From   string `json:"from"`
	To     string `json:"to"`
	Amount int64  `json:"amount"`
}

// Discount is a named discount.
type Discount struct {
	Name   string `json:"name"`
	Amount int64  `json:"amount"`
}

// Result is the state of an inquiry.
type Result struct {
	RequestID    string `json:"requestId"`
	Status       string `json:"status"`
	Progress     int    `json:"progress"`
	Bill         *Bill  `json:"billInfo"`
	Stale        bool   `json:"stale"`
	ErrorMessage string `json:"errorMessage"`
	// Position of a queued inquiry: 1 is next, 0 is in progress.
	QueuePosition    *int `json:"queuePosition"`
	EstimatedSeconds *int `json:"estimatedSeconds"`
}

// History is a page of inquiries.
type History struct {
	Items      []Item `json:"items"` // newest first
	Pagination struct {
		CurrentPage int  `json:"currentPage"`
		TotalPages  int  `json:"totalPages"`
		TotalItems  int  `json:"totalItems"`
		PageSize    int  `json:"pageSize"`
		HasNext     bool `json:"hasNext"`
		HasPrevious bool `json:"hasPrevious"`
	} `json:"pagination"`
}

// Item is an inquiry in the history.
type Item struct {
	RequestID   string     `json:"requestId"`
	Line        string     `json:"lineNumber"`
	Month       string     `json:"inquiryMonth"` // YYYY-MM
	RequestTime time.Time  `json:"requestTime"`
	ProcessTime *time.Time `json:"processTime"`
	Status      string     `json:"status"`
	Summary     string     `json:"resultSummary"`
}

// MockData is the demo data of a new line.
type MockData struct {
	CustomerID string   `json:"customerId"`
	Line       string   `json:"lineNumber"`
	Months     []string `json:"billingMonths"` // YYYYMM, newest first
}
