package upstream

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Unlimited is an allowance without a limit.
const Unlimited = "무제한"

// Plan is a plan.
type Plan struct {
	Code        string `json:"productCode"`
	Name        string `json:"productName"`
	Fee         int64  `json:"monthlyFee"`
	Data        string `json:"dataAllowance"`
	Voice       string `json:"voiceAllowance"`
	SMS         string `json:"smsAllowance"`
	Operator    string `json:"operatorCode"`
	Description string
}

// Queued is a place in the queue. It is embedded in answers that may be 202.
type Queued struct {
	Status    string
	Position  int `json:"queuePosition"`
	Estimated int `json:"estimatedSeconds"`
}

// Waits reports whether the answer is still queued.
func (q Queued) Waits() bool { return q.Status == "PROCESSING" }

// Subscriber is the plan and contract of a line.
type Subscriber struct {
	Queued

	CustomerID   string
	Line         string `json:"lineNumber"`
	Name         string `json:"customerName"`
	LineStatus   string
	Plan         Plan `json:"currentProduct"`
	ContractInfo struct {
		Begins  string `json:"contractDate"`
		Ends    string `json:"termEndDate"`
		EarlyBy int64  `json:"earlyTerminationFee"`
	}
	AsOf  time.Time
	Stale bool
}

// Subscriber returns the plan and contract of the customer's line.
func (c *Client) Subscriber(ctx context.Context, token string) (Subscriber, error) {
	return data[Subscriber](send(ctx, c.Products, call{method: http.MethodGet, path: "/api/v1/products/customer", token: token, header: prefer()}))
}

// Offers are the plans that the line can change to.
type Offers struct {
	Queued

	Plans []Plan `json:"products"`
	AsOf  time.Time
	Stale bool
}

// Offers returns the plans that the line can change to.
func (c *Client) Offers(ctx context.Context, token string) (Offers, error) {
	return data[Offers](send(ctx, c.Products, call{method: http.MethodGet, path: "/api/v1/products/available", token: token, header: prefer()}))
}

// Check is a check of a change.
type Check struct {
	Type    string `json:"checkType"`
	Result  string
	Message string
}

// Passed reports whether the check passed.
func (c Check) Passed() bool { return c.Result == "PASS" }

// Validation is the result of a pre-check.
type Validation struct {
	Result string  `json:"validationResult"`
	Checks []Check `json:"validationDetails"`
	Reason string  `json:"failureReason"`
}

// Passed reports whether the change would be accepted.
func (v Validation) Passed() bool { return v.Result == "SUCCESS" }

// Order is a change of the line's plan.
type Order struct {
	Line    string `json:"lineNumber"`
	Current string `json:"currentProductCode"`
	Target  string `json:"targetProductCode"`
	From    string `json:"changeEffectiveDate,omitempty"` // YYYY-MM-DD, or empty for now
}

// Validate checks whether a change would be accepted.
func (c *Client) Validate(ctx context.Context, token string, order Order) (Validation, error) {
	order.From = "" // the pre-check has no day
	return data[Validation](send(ctx, c.Products, call{method: http.MethodPost, path: "/api/v1/products/change/validation", token: token, body: order}))
}

// Change is the state of a change.
type Change struct {
	ID          string `json:"requestId"`
	Status      string `json:"processStatus"`
	ResultCode  string
	Message     string `json:"resultMessage"`
	Plan        *Plan  `json:"changedProduct"`
	WaitReason  string
	From        string     `json:"effectiveDate"`
	Line        string     `json:"lineNumber"`
	RequestedAt time.Time  `json:"requestedAt"`
	ProcessedAt *time.Time `json:"processedAt"`
}

// Final reports whether the change is done or refused.
func (c Change) Final() bool { return c.Done() || c.Status == "FAILED" }

// Done reports whether the line has the new plan.
func (c Change) Done() bool { return c.Status == "COMPLETED" }

// Change orders a change. The same key orders the same change.
func (c *Client) Change(ctx context.Context, token string, order Order, key string) (Change, error) {
	header := prefer()
	header.Set("Idempotency-Key", key)
	return data[Change](send(ctx, c.Products, call{method: http.MethodPost, path: "/api/v1/products/change", token: token, header: header, body: order}))
}

// ChangeState returns the state of a change.
func (c *Client) ChangeState(ctx context.Context, token, id string) (Change, error) {
	return data[Change](send(ctx, c.Products, call{method: http.MethodGet, path: "/api/v1/products/change/" + url.PathEscape(id), token: token}))
}

// PastChange is a change in the history.
type PastChange struct {
	ID          string     `json:"requestId"`
	Status      string     `json:"processStatus"`
	From        string     `json:"currentProductName"`
	To          string     `json:"targetProductName"`
	RequestedAt time.Time  `json:"requestedAt"`
	ProcessedAt *time.Time `json:"processedAt"`
	Message     string     `json:"resultMessage"`
}

// Changes returns a page of the history of changes.
func (c *Client) Changes(ctx context.Context, token string, page int) ([]PastChange, Page, error) {
	list, err := data[struct {
		History    []PastChange
		Pagination struct {
			Page, TotalPages     int
			HasNext, HasPrevious bool
		}
	}](send(ctx, c.Products, call{method: http.MethodGet, path: fmt.Sprintf("/api/v1/products/history?page=%d&size=10", page), token: token}))
	p := list.Pagination
	return list.History, Page{Number: p.Page, Total: p.TotalPages, HasNext: p.HasNext, HasPrevious: p.HasPrevious}, err
}
