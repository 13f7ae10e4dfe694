// Package kos is a client of the KOS mock's admin API: it sets the behaviour of KOS and counts its
// calls.
package kos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// The endpoints of KOS.
const (
	Auth           = "auth"
	BillInquiry    = "bill-inquiry"
	ProductInquiry = "product-inquiry"
	Products       = "products"
	ProductChange  = "product-change"
	ChangeStatus   = "product-change-status"
)

// Admin is the mock's admin API.
type Admin struct {
	base string
	http *http.Client
}

// New returns the admin API at base, called over transport.
func New(base string, transport http.RoundTripper) *Admin {
	return &Admin{base: base, http: &http.Client{Transport: transport, Timeout: 5 * time.Second}}
}

// Behavior is the override of an endpoint.
type Behavior struct {
	Latency        Latency `json:"latency"`
	ErrorShare     float64 `json:"errorShare"` // 0 to 1
	ErrorStatus    int     `json:"errorStatus,omitempty"`
	LimitPerMinute int     `json:"limitPerMinute"` // 0 means no limit
	Hang           bool    `json:"hang,omitempty"`
	OutageSeconds  int     `json:"outageSeconds,omitempty"` // from now on; every call gets 503
	Script         []Step  `json:"script,omitempty"`
}

// Latency is how long an answer takes, in milliseconds.
type Latency struct {
	Min int `json:"minMs"`
	Max int `json:"maxMs"`
}

// Step is the answer to the next calls about a line.
type Step struct {
	Line      string `json:"lineNumber,omitempty"`
	Status    int    `json:"status,omitempty"`    // 0: the usual answer
	LatencyMs int    `json:"latencyMs,omitempty"` // 0: as usual
	Hang      bool   `json:"hang,omitempty"`
	Drop      bool   `json:"drop,omitempty"`  // close the connection instead of answering
	After     bool   `json:"after,omitempty"` // do the work before the fault
	Times     int    `json:"times,omitempty"` // 0 means once
}

// Calm is the behaviour without faults and limits and with low latency, so that tests measure our
// own services.
var Calm = Behavior{Latency: Latency{Min: 20, Max: 40}}

// Unlimited are environment variables that remove the services' budgets. Use it together with Calm.
var Unlimited = []string{
	"KOS_CHANGE_PER_MINUTE=900", "KOS_CHANGE_STATUS_PER_MINUTE=3000",
	"KOS_PRODUCT_INQUIRY_PER_MINUTE=3000", "KOS_PRODUCTS_PER_MINUTE=600", "KOS_BILL_INQUIRY_PER_MINUTE=3000",
}

// Endpoints are all endpoints of KOS.
var Endpoints = []string{Auth, BillInquiry, ProductInquiry, Products, ProductChange, ChangeStatus}

// Move gives a line to another customer.
func (a *Admin) Move(line, customerID, customerName string) error {
	return a.send(http.MethodPost, "/admin/lines/move", map[string]string{
		"lineNumber": line, "customerId": customerID, "customerName": customerName,
	}, nil)
}

// Behave sets the override of an endpoint.
func (a *Admin) Behave(endpoint string, behavior Behavior) error {
	return a.send(http.MethodPut, "/admin/behavior/"+endpoint, behavior, nil)
}

// CalmDown sets Calm for all endpoints.
func (a *Admin) CalmDown() error {
	for _, endpoint := range Endpoints {
		if err := a.Behave(endpoint, Calm); err != nil {
			return err
		}
	}
	return nil
}

// Query selects calls; empty fields match all.
type Query struct {
	Endpoint string `json:"endpoint,omitempty"`
	Client   string `json:"client,omitempty"`
	Line     string `json:"lineNumber,omitempty"`
	// Since is the earliest time of arrival.
	Since time.Time `json:"since,omitzero"`
}

// Count are the calls that reached KOS.
type Count struct {
	Total      int            `json:"total"`
	Unanswered int            `json:"unanswered"` // in progress, hanging or abandoned
	ByStatus   map[string]int `json:"byStatus"`
	// BusiestMinute is the maximum number of admitted calls of one client at one endpoint within 60
	// s of the last day.
	BusiestMinute int `json:"busiestMinute"`
}

// Calls counts calls since the mock's database was created, or since the time in the query.
func (a *Admin) Calls(query Query) (Count, error) {
	var count Count
	err := a.send(http.MethodPost, "/admin/calls", query, &count)
	return count, err
}

func (a *Admin) send(method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	request, err := http.NewRequest(method, a.base+path, bytes.NewReader(body)) //nolint:noctx // the client has a timeout
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := a.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s answered %d: %.300s", method, path, response.StatusCode, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}
