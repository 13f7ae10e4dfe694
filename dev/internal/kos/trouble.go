package kos

import (
	"net/http"
	"time"
)

// The troubles that KOS can be put into.
const (
	SlowRamp   = "slow-ramp"   // latency climbs to 5 s
	ErrorStorm = "error-storm" // 80 % of the calls get a 5xx
	Hang       = "hang"        // no answer
	Flapping   = "flapping"    // 10 s out, 10 s well, in turn
	LimitDrop  = "limit-drop"  // the limit falls to a fifth
	Outage     = "outage"      // 503 at once
	BadLine    = "bad-line"    // the calls about one line fail
)

// Trouble is a trouble that lasts from now on, and whom it befalls. When it is
// over, the endpoints behave as they were told before it.
type Trouble struct {
	Name      string   `json:"name"`
	Endpoints []string `json:"endpoints,omitempty"`  // none: all but Auth
	Seconds   int      `json:"seconds,omitempty"`    // 1 to 3600; 0: 60
	Line      string   `json:"lineNumber,omitempty"` // of BadLine, and of no other
}

// Trouble puts KOS into a trouble, instead of those that its endpoints are in.
func (a *Admin) Trouble(t Trouble) error {
	return a.send(http.MethodPost, "/admin/troubles", t, nil)
}

// Troubles are those there are, and those that KOS is in.
type Troubles struct {
	Known []struct {
		Name string `json:"name"`
		Does string `json:"does"` // a sentence
	} `json:"troubles"`
	Now []struct {
		Endpoint string    `json:"endpoint"`
		Name     string    `json:"name"`
		Until    time.Time `json:"until"`
	} `json:"now"`
}

// Troubles asks what there is and what is going on.
func (a *Admin) Troubles() (Troubles, error) {
	var troubles Troubles
	err := a.send(http.MethodGet, "/admin/troubles", nil, &troubles)
	return troubles, err
}

// Reset makes all endpoints behave as configured. It ends troubles, and forgets
// what counts against limits.
func (a *Admin) Reset() error {
	return a.send(http.MethodDelete, "/admin/behavior", nil, nil)
}
