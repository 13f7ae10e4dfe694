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

// Subscription is who holds a line, with which plan.
type Subscription struct {
	CustomerID string    `json:"customerId"`
	Line       string    `json:"lineNumber"`
	LineStatus string    `json:"lineStatus"`
	Current    Plan      `json:"currentProduct"`
	AsOf       time.Time `json:"asOf"`
	Stale      bool      `json:"stale"`
}

// Offers are the plans that a customer may take.
type Offers struct {
	Products []Plan `json:"products"`
	Total    int    `json:"totalCount"`
}

// Validation is what a pre-check found.
type Validation struct {
	Result  string `json:"validationResult"` // SUCCESS, FAILURE
	Details []struct {
		CheckType string `json:"checkType"`
		Result    string `json:"result"` // PASS, FAIL
	} `json:"validationDetails"`
	FailureReason string `json:"failureReason"`
}

// Failed returns the checks that a change would not pass.
func (v Validation) Failed() []string {
	var failed []string
	for _, detail := range v.Details {
		if detail.Result != "PASS" {
			failed = append(failed, detail.CheckType)
		}
	}
	return failed
}

// ProductMenu is what can be done with a line.
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

// ChangeForm asks for another plan.
type ChangeForm struct {
	Line    string `json:"lineNumber"`
	Current string `json:"currentProductCode"`
	Target  string `json:"targetProductCode"`
	// Effective is a day, YYYY-MM-DD; empty is at once.
	Effective string `json:"changeEffectiveDate,omitempty"`
}

// The states of a change that will not change again.
const (
	Completed = "COMPLETED"
	Failed    = "FAILED"
)

// Change is a change of plan as it stands.
type Change struct {
	RequestID     string     `json:"requestId"`
	Status        string     `json:"processStatus"`
	ResultCode    string     `json:"resultCode"` // "" while it runs
	ResultMessage string     `json:"resultMessage"`
	Changed       *Plan      `json:"changedProduct"`
	WaitReason    string     `json:"waitReason"`
	Line          string     `json:"lineNumber"`
	RequestedAt   time.Time  `json:"requestedAt"`
	ProcessedAt   *time.Time `json:"processedAt"` // nil while it runs
}

// Final reports whether the change will not change again.
func (c Change) Final() bool { return c.Status == Completed || c.Status == Failed }

// How says how to ask for a change.
type How struct {
	Key   string // Idempotency-Key; none if empty
	Async bool   // do not wait for the outcome
}

// Change asks for another plan.
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

// ChangeResult returns a change as it stands.
func (c *Client) ChangeResult(requestID string) Answer[Change] {
	return enveloped[Change](c, Request{Method: http.MethodGet, Path: "/api/v1/products/change/" + url.PathEscape(requestID)})
}

// Subscription returns who holds a line, with which plan.
func (c *Client) Subscription(line string) Answer[Subscription] {
	return enveloped[Subscription](c, Request{Method: http.MethodGet, Path: "/api/v1/products/customer/" + url.PathEscape(line)})
}

// Offers returns the plans that can be taken instead of the current one.
func (c *Client) Offers(current string) Answer[Offers] {
	query := url.Values{"currentProductCode": {current}}
	return enveloped[Offers](c, Request{Method: http.MethodGet, Path: "/api/v1/products/available?" + query.Encode()})
}

// ProductMenu returns what can be done with the user's line.
func (c *Client) ProductMenu() Answer[ProductMenu] {
	return enveloped[ProductMenu](c, Request{Method: http.MethodGet, Path: "/api/v1/products/menu"})
}

// Validate tells whether a change would be accepted.
func (c *Client) Validate(form ChangeForm) Answer[Validation] {
	return enveloped[Validation](c, Request{Method: http.MethodPost, Path: "/api/v1/products/change/validation", Body: form})
}

// Changes returns a page of the user's changes. Query is as in a URL.
func (c *Client) Changes(query string) Answer[ChangeHistory] {
	return enveloped[ChangeHistory](c, Request{Method: http.MethodGet, Path: "/api/v1/products/history?" + query})
}
