package upstream

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Discount is a part of a bill.
type Discount struct {
	Name   string
	Amount int64
}

// Charge is the fee of a plan for some days, as YYYYMMDD.
type Charge struct {
	Name, From, To string
	Amount         int64
}

// Bill is a bill.
type Bill struct {
	Line              string `json:"lineNumber"`
	Month             string `json:"billingMonth"` // YYYYMM
	Plan              string `json:"productName"`
	PlanCode          string `json:"productCode"`
	MonthlyFee        int64
	UsageFee          int64
	DiscountAmount    int64
	TotalFee          int64
	TotalAmount       int64
	DeviceInstallment int64
	TerminationFee    int64
	Charges           []Charge
	Discounts         []Discount `json:"discountInfo"`
	Usage             struct{ Voice, SMS, Data string }
	Status            string `json:"billStatus"` // OPEN or BILLED
	DueDate           string // YYYYMMDD
	Contract          string `json:"contractInfo"`
	Payment           struct {
		BillingDate string
		Status      string `json:"paymentStatus"`
		Method      string `json:"paymentMethod"`
	} `json:"paymentInfo"`
}

// Open reports whether the month has not been billed.
func (b Bill) Open() bool { return b.Status == "OPEN" }

// Inquiry is the answer to an inquiry: a bill, or a place in the queue.
type Inquiry struct {
	ID       string `json:"requestId"`
	Status   string
	Bill     *Bill `json:"billInfo"`
	Customer struct {
		Name string `json:"customerName"`
	} `json:"customerInfo"`
	AsOf      time.Time
	Stale     bool
	Message   string `json:"errorMessage"`
	Progress  int
	Position  *int `json:"queuePosition"`
	Estimated *int `json:"estimatedSeconds"`
}

// Waits reports whether the inquiry is queued.
func (i Inquiry) Waits() bool { return i.Bill == nil && i.Status == "PROCESSING" }

// Inquire asks for a bill; month is YYYY-MM, or empty for this month.
func (c *Client) Inquire(ctx context.Context, token, line, month string) (Inquiry, error) {
	return data[Inquiry](send(ctx, c.Bills, call{
		method: http.MethodPost, path: "/api/v1/bills/inquiry", token: token, header: prefer(),
		body: map[string]string{"lineNumber": line, "inquiryMonth": month},
	}))
}

// Inquiry returns the state of an inquiry.
func (c *Client) Inquiry(ctx context.Context, token, id string) (Inquiry, error) {
	return data[Inquiry](send(ctx, c.Bills, call{method: http.MethodGet, path: "/api/v1/bills/inquiry/" + url.PathEscape(id), token: token}))
}

// BillMenu are the months that have bills, newest first.
type BillMenu struct {
	Months  []string `json:"availableMonths"`
	Current string   `json:"currentMonth"`
}

// BillMenu returns the months that have bills.
func (c *Client) BillMenu(ctx context.Context, token string) (BillMenu, error) {
	return data[BillMenu](send(ctx, c.Bills, call{method: http.MethodGet, path: "/api/v1/bills/menu", token: token}))
}

// PastInquiry is an inquiry in the history.
type PastInquiry struct {
	ID      string    `json:"requestId"`
	Line    string    `json:"lineNumber"`
	Month   string    `json:"inquiryMonth"`
	Asked   time.Time `json:"requestTime"`
	Status  string
	Summary string `json:"resultSummary"`
}

// Page is the position of a page of a history.
type Page struct {
	Number, Total        int
	HasNext, HasPrevious bool
}

// Inquiries returns a page of the history of inquiries.
func (c *Client) Inquiries(ctx context.Context, token string, page int) ([]PastInquiry, Page, error) {
	list, err := data[struct {
		Items      []PastInquiry
		Pagination struct {
			CurrentPage, TotalPages int
			HasNext, HasPrevious    bool
		}
	}](send(ctx, c.Bills, call{method: http.MethodGet, path: fmt.Sprintf("/api/v1/bills/history?page=%d&size=20", page), token: token}))
	p := list.Pagination
	return list.Items, Page{Number: p.CurrentPage, Total: p.TotalPages, HasNext: p.HasNext, HasPrevious: p.HasPrevious}, err
}
