package behavior

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Override is how an endpoint was told at run time to behave. What it leaves
// out is as configured. It holds until it is replaced or removed.
type Override struct {
	Latency        *Latency `json:"latency,omitempty"`
	ErrorShare     *float64 `json:"errorShare,omitempty"`
	ErrorStatus    *int     `json:"errorStatus,omitempty"`
	LimitPerMinute *int     `json:"limitPerMinute,omitempty"`
	// Hang keeps calls without an answer until the caller leaves or the
	// endpoint is told something else.
	Hang bool `json:"hang,omitempty"`
	// OutageUntil is when an outage, during which every call gets 503, ends.
	OutageUntil *time.Time `json:"outageUntil,omitempty"`
	// After says whether a call's work is done before its time passes and it
	// fails, hangs or meets the outage. Nil leaves it to chance, and nothing is
	// done during an outage.
	After *bool `json:"after,omitempty"`
	// Trouble, while it lasts, stands before all of the above but After: limit,
	// latency and error share are what it makes of them, hang and outage are
	// its own, and the script rests.
	Trouble *Trouble `json:"trouble,omitempty"`
}

// Conduct is how an endpoint behaves towards a call, at one moment.
type Conduct struct {
	Profile

	Hang      bool
	HangUntil time.Time // zero: until the endpoint is told something else
	// Outage is true if the call gets 503.
	Outage bool
	// OutageLeft is how long it will go on; 0: KOS does not say.
	OutageLeft time.Duration
}

// Conduct returns how an endpoint of the configured profile behaves towards a
// call about a line, which is a pseudonym or empty.
func (o Override) Conduct(configured Profile, now time.Time, line string) Conduct {
	profile := o.On(configured)
	if o.Trouble.meets(now, line) {
		return o.Trouble.conduct(profile, now)
	}
	conduct := Conduct{Profile: profile, Hang: o.Hang}
	if o.OutageUntil != nil && now.Before(*o.OutageUntil) {
		conduct.Outage, conduct.OutageLeft = true, o.OutageUntil.Sub(now)
	}
	return conduct
}

// On returns the profile as the override changes it, outside of troubles.
func (o Override) On(p Profile) Profile {
	set(&p.Latency, o.Latency)
	set(&p.ErrorShare, o.ErrorShare)
	set(&p.ErrorStatus, o.ErrorStatus)
	set(&p.LimitPerMinute, o.LimitPerMinute)
	return p
}

func set[T any](value *T, override *T) {
	if override != nil {
		*value = *override
	}
}

// Validate reports every value out of range.
func (o Override) Validate() error {
	return o.On(Defaults()[Auth]).Validate() // any valid profile will do
}

// Step is one answer of a script: what the next call gets instead of what the
// endpoint would do. The zero Step is an answer as usual.
type Step struct {
	// Status is the HTTP status of a failure, 400 to 599; 0 is no failure.
	Status int `json:"status,omitempty"`
	// LatencyMs is how long the answer takes. Nil: as the endpoint does.
	LatencyMs *Milliseconds `json:"latencyMs,omitempty"`
	// Hang keeps the call without an answer, as Override.Hang does.
	Hang bool `json:"hang,omitempty"`
	// Drop closes the connection instead of answering. No Status goes with it.
	Drop bool `json:"drop,omitempty"`
	// After does the call's work first, before all of the above: the caller
	// learns of a failure, or of nothing, and what it asked for is done.
	After bool `json:"after,omitempty"`
}

// Validate reports every value out of range.
func (s Step) Validate() error {
	var faults []error
	if s.Status != 0 && (s.Status < http.StatusBadRequest || s.Status > 599) {
		faults = append(faults, errors.New("status: want 400 to 599"))
	}
	if s.After && s.Status != 0 && !isFault(s.Status) {
		faults = append(faults, errors.New("after: a 4xx says that nothing was done"))
	}
	if s.Drop && s.Status != 0 {
		faults = append(faults, errors.New("drop: leaves nothing that has a status"))
	}
	if s.LatencyMs != nil {
		fixed := Latency{Min: *s.LatencyMs, Max: *s.LatencyMs}
		if fixed.Validate() != nil {
			faults = append(faults, fmt.Errorf("latencyMs: want 0 to %d", MaxLatency.Milliseconds()))
		}
	}
	return errors.Join(faults...)
}

// ScriptedStep is a step with the call it waits for.
type ScriptedStep struct {
	Step
	// Line is the pseudonym of the line whose next call it is; empty for the
	// next call of any line, and for endpoints that know no line.
	Line string
}

// MaxScript is how many answers a script may hold.
const MaxScript = 10_000
