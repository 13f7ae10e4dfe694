// Package behavior decides how an endpoint of KOS behaves: its latency, failures, hangs, outages
// and rate limits.
//
// It contains the rules only. Package settings provides the configuration. A Ledger stores run-time
// changes and the use of rate limits, so that all replicas behave as one KOS.
package behavior

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Endpoint is the name of a KOS endpoint in the configuration, the metrics and the admin API.
type Endpoint string

// The endpoints of KOS.
const (
	Auth                Endpoint = "auth"
	BillInquiry         Endpoint = "bill-inquiry"
	ProductInquiry      Endpoint = "product-inquiry"
	Products            Endpoint = "products"
	ProductChange       Endpoint = "product-change"
	ProductChangeStatus Endpoint = "product-change-status"
)

// Endpoints returns all endpoints.
func Endpoints() []Endpoint { return slices.Sorted(maps.Keys(Defaults())) }

// MaxLatency is the largest configurable latency. It is below the write timeout of the HTTP server;
// hangs simulate longer delays.
const MaxLatency = 15 * time.Second

// Milliseconds is a duration in the configuration.
type Milliseconds int64

// Duration returns m as a time.Duration.
func (m Milliseconds) Duration() time.Duration { return time.Duration(m) * time.Millisecond }

// Latency is a range from which the latency of each call is drawn uniformly.
type Latency struct {
	Min Milliseconds `json:"minMs"`
	Max Milliseconds `json:"maxMs"`
}

// Validate returns an error for a range that is empty, negative or above MaxLatency.
func (l Latency) Validate() error {
	if l.Min < 0 || l.Max < l.Min || l.Max.Duration() > MaxLatency {
		return fmt.Errorf("latency: want 0 <= minMs <= maxMs <= %d", MaxLatency.Milliseconds())
	}
	return nil
}

// Profile is the configured behaviour of an endpoint.
type Profile struct {
	Latency Latency `json:"latency"`
	// ErrorShare is the share of calls, 0 to 1, that fail at random.
	ErrorShare float64 `json:"errorShare"`
	// ErrorStatus is the HTTP status of those failures, 500 to 599.
	ErrorStatus int `json:"errorStatus"`
	// LimitPerMinute is how many calls a client may make within 60 s; 0 means no limit.
	LimitPerMinute int `json:"limitPerMinute"`
}

// Validate returns all values out of range.
func (p Profile) Validate() error {
	faults := []error{p.Latency.Validate()}
	if !(p.ErrorShare >= 0 && p.ErrorShare <= 1) { // written this way to refuse NaN
		faults = append(faults, errors.New("errorShare: want 0 to 1"))
	}
	if !isFault(p.ErrorStatus) {
		faults = append(faults, errors.New("errorStatus: want 500 to 599"))
	}
	if p.LimitPerMinute < 0 || p.LimitPerMinute > MaxLimit {
		faults = append(faults, fmt.Errorf("limitPerMinute: want 0 to %d", MaxLimit))
	}
	return errors.Join(faults...)
}

// MaxLimit is the largest configurable limit, because the times of all calls in the last minute are
// stored for each client.
const MaxLimit = 10_000

func isFault(status int) bool { return status >= http.StatusInternalServerError && status <= 599 }

// Defaults returns the published figures of KOS by endpoint. Its keys are all endpoints.
func Defaults() map[Endpoint]Profile {
	profile := func(minMs, maxMs Milliseconds, errorShare float64, limit int) Profile {
		return Profile{
			Latency:        Latency{Min: minMs, Max: maxMs},
			ErrorShare:     errorShare,
			ErrorStatus:    http.StatusInternalServerError,
			LimitPerMinute: limit,
		}
	}
	return map[Endpoint]Profile{
		Auth:                profile(100, 200, 0.001, 200),
		BillInquiry:         profile(200, 500, 0.005, 100),
		ProductInquiry:      profile(200, 500, 0.005, 100),
		Products:            profile(200, 500, 0.005, 100),
		ProductChange:       profile(300, 800, 0.002, 50),
		ProductChangeStatus: profile(100, 200, 0.001, 200),
	}
}
