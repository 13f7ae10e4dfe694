// Package behavior decides how an endpoint of KOS behaves: how long it takes,
// how often it fails, when it hangs, is out or has had enough of a client.
//
// It holds the rules only. What is configured comes from package settings;
// what was changed at run time and what each client has used up is kept by a
// Ledger, so that all replicas behave as one KOS.
package behavior

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Endpoint names one endpoint of KOS, as configuration, metrics and the admin
// API call it.
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

// MaxLatency bounds what an endpoint may be told to wait. It stays below the
// time after which our own HTTP server gives a connection up; a longer silence
// is what a hang is for.
const MaxLatency = 15 * time.Second

// Milliseconds is a duration as configuration writes it.
type Milliseconds int64

// Duration returns m as a time.Duration.
func (m Milliseconds) Duration() time.Duration { return time.Duration(m) * time.Millisecond }

// Latency is how long an answer takes: a time drawn evenly between Min and
// Max for each call, or always the same if they are equal.
type Latency struct {
	Min Milliseconds `json:"minMs"`
	Max Milliseconds `json:"maxMs"`
}

// Validate reports a range that is empty, negative or beyond MaxLatency.
func (l Latency) Validate() error {
	if l.Min < 0 || l.Max < l.Min || l.Max.Duration() > MaxLatency {
		return fmt.Errorf("latency: want 0 <= minMs <= maxMs <= %d", MaxLatency.Milliseconds())
	}
	return nil
}

// Profile is how an endpoint behaves while nobody interferes.
type Profile struct {
	Latency Latency `json:"latency"`
	// ErrorShare is the share of calls, 0 to 1, that fail by chance.
	ErrorShare float64 `json:"errorShare"`
	// ErrorStatus is the HTTP status, 500 to 599, of those failures.
	ErrorStatus int `json:"errorStatus"`
	// LimitPerMinute is how many calls a client may make within any 60 s; 0 is
	// no limit.
	LimitPerMinute int `json:"limitPerMinute"`
}

// Validate reports every value out of range.
func (p Profile) Validate() error {
	faults := []error{p.Latency.Validate()}
	if !(p.ErrorShare >= 0 && p.ErrorShare <= 1) { // refuses NaN too
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

// MaxLimit bounds a limit: the times of all calls within the last minute are
// kept for each client.
const MaxLimit = 10_000

func isFault(status int) bool { return status >= http.StatusInternalServerError && status <= 599 }

// Defaults returns KOS's published figures, by endpoint. The keys are all
// endpoints there are.
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
