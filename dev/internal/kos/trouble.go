package kos

import (
	"net/http"
	"time"
)

// The predefined troubles of KOS.
const (
	SlowRamp   = "slow-ramp"   // latency rises to 5 s
	ErrorStorm = "error-storm" // 80 % of the calls get a 5xx
	Hang       = "hang"        // no answer
	Flapping   = "flapping"    // alternating outages of 10 s
	LimitDrop  = "limit-drop"  // a fifth of the limit
	Outage     = "outage"      // 503 at once
	BadLine    = "bad-line"    // calls about one line fail
)

// Trouble is a fault of limited duration, starting now. Afterwards the endpoints' overrides apply
// again.
type Trouble struct {
	Name      string   `json:"name"`
	Endpoints []string `json:"endpoints,omitempty"`  // none: all but Auth
	Seconds   int      `json:"seconds,omitempty"`    // 1 to 3600; 0: 60
	Line      string   `json:"lineNumber,omitempty"` // for BadLine only
}

// Trouble starts a trouble, in place of current ones.
func (a *Admin) Trouble(t Trouble) error {
	return a.send(http.MethodPost, "/admin/troubles", t, nil)
}

// Troubles are the predefined and the current troubles.
type Troubles struct {
	Known []struct {
		Name string `json:"name"`
		Does string `json:"does"` // description
	} `json:"troubles"`
	Now []struct {
		Endpoint string    `json:"endpoint"`
		Name     string    `json:"name"`
		Until    time.Time `json:"until"`
	} `json:"now"`
}

// Troubles returns the predefined and the current troubles.
func (a *Admin) Troubles() (Troubles, error) {
	var troubles Troubles
	err := a.send(http.MethodGet, "/admin/troubles", nil, &troubles)
	return troubles, err
}

// Reset removes all overrides and troubles, and the calls that count against limits.
func (a *Admin) Reset() error {
	return a.send(http.MethodDelete, "/admin/behavior", nil, nil)
}
