package api

import (
	"net/http"
	"net/url"
	"time"
)

// Plan is a product that a line can have.
type Plan struct {
	Code       string `json:"productCode"`
	Name       string `json:"productName"`
	MonthlyFee int64  `json:"monthlyFee"` // won
	Operator   string `json:"operatorCode"`
}

// Subscription is a line with its customer and plan.
type Subscription struct {
	CustomerID string    `json:"customerId"`
	Line       string    `json:"lineNumber"`
	LineStatus string    `json:"lineStatus"`
	Current    Plan      `json:"currentProduct"`
	AsOf       time.Time `json:"asOf"`
	Stale      bool      `json:"stale"`
}

// Offers are the plans on offer to a customer.
type Offers struct {
	Products []Plan `json:"products"`
	Total    int    `json:"totalCount"`
}

// Validation is the result of a pre-check.
type Validation struct {
	Result  string `json:"validationResult"` // SUCCESS, FAILURE
	Details []struct {
		CheckType string `json:"checkType"`
		Result    string `json:"result"` // PASS, FAIL
	} `json:"validationDetails"`
	FailureReason string `json:"failureReason"`
}

// Failed returns the failed checks.
func (v Validation) Failed() []string {
	var failed []string
	for _, detail := range v.Details {
		if detail.Result != "PASS" {
			failed = append(failed, detail.CheckType)
		}
	}
	return failed
}

// ProductMenu lists the possible operations on a line.
type ProductMenu struct {
	CustomerID string `json:"customerId"`
	Line       string `json:"lineNumber"`
	Current    Plan   `json:"currentProduct"`
	Items      []struct {
		ID string `json:"menuId"`
	} `json:"menuItems"`
}

// ChangeHistory is a page of changes.
type ChangeHistory struct {
	Changes []struct {
		RequestID string `json:"requestId"`
		Line      string `json:"lineNumber"`
		Status    string `json:"processStatus"`
		Current   string `json:"currentProductCode"`
		Target    string `json:"targetProductCode"`
	} `json:"history"` // newest first
	Pagination struct {
		Page          int  `json:"page"`
		Size          int  `json:"size"`
		TotalElements int  `json:"totalElements"`
		TotalPages    int  `json:"totalPages"`
		HasNext       bool `json:"hasNext"`
	} `json:"pagination"`
}

// ChangeForm is a request to change the plan.
type ChangeForm struct {
	Line    string `json:"lineNumber"`
	Current string `json:"currentProductCode"`
	Target  string `json:"targetProductCode"`
	// Effective is a day, YYYY-MM-DD; empty means at once.
	Effective string `json:"changeEffectiveDate,omitempty"`
}

// The final states of a change.
const (
	Completed = "COMPLETED"
	Failed    = "FAILED"
)

// Change is the state of a plan change.
type Change struct {
	RequestID     string     `json:"requestId"`
	Status        string     `json:"processStatus"`
	ResultCode    string     `json:"resultCode"` // "" while in progress
	ResultMessage string     `json:"resultMessage"`
	Changed       *Plan      `json:"changedProduct"`
	WaitReason    string     `json:"waitReason"`
	Line          string     `json:"lineNumber"`
	RequestedAt   time.Time  `json:"requestedAt"`
	ProcessedAt   *time.Time `json:"processedAt"` // nil while in progress
}

// Final reports whether the change is final.
func (c Change) Final() bool { return c.Status == Completed || c.Status == Failed }

// How sets the headers of a change request.
type How struct {
	Key   string // Idempotency-Key; none if empty
	Async bool   // Prefer: respond-async
}

// Change requests a plan change.
func (c *Client) Change(form ChangeForm, how How) Answer[Change] {
	header := map[string]string{}
	if how.Key != "" {
		header["Idempotency-Key"] = how.Key
	}
	if how.Async {
		header["Prefer"] = "respond-async"
	}
	return enveloped[Change](c, Request{Method: http.MethodPost, Path: "/api/v1/products/change", Body: form, Header: header})
}

// ChangeResult returns the state of a change.
func (c *Client) ChangeResult(requestID string) Answer[Change] {
	return enveloped[Change](c, Request{Method: http.MethodGet, Path: "/api/v1/products/change/" + url.PathEscape(requestID)})
}

// Subscription returns the customer and plan of a line.
func (c *Client) Subscription(line string) Answer[Subscription] {
	return enveloped[Subscription](c, Request{Method: http.MethodGet, Path: "/api/v1/products/customer/" + url.PathEscape(line)})
}

// Offers returns the plans that the customer can change to. An empty current is the plan of
// the customer's line.
func (c *Client) Offers(current string) Answer[Offers] {
	path := "/api/v1/products/available"
	if current != "" {
		path += "?" + url.Values{"currentProductCode": {current}}.Encode()
	}
	return enveloped[Offers](c, Request{Method: http.MethodGet, Path: path})
}

// ProductMenu returns the possible operations on the user's line.
func (c *Client) ProductMenu() Answer[ProductMenu] {
	return enveloped[ProductMenu](c, Request{Method: http.MethodGet, Path: "/api/v1/products/menu"})
}

// Validate runs the pre-check of a change.
func (c *Client) Validate(form ChangeForm) Answer[Validation] {
	return enveloped[Validation](c, Request{Method: http.MethodPost, Path: "/api/v1/products/change/validation", Body: form})
}

// Changes returns a page of the user's changes. query is a URL query.
func (c *Client) Changes(query string) Answer[ChangeHistory] {
	return enveloped[ChangeHistory](c, Request{Method: http.MethodGet, Path: "/api/v1/products/history?" + query})
}
