package behavior

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Override is the behaviour of an endpoint as set at run time. Nil fields are as configured. It
// applies until it is replaced or removed.
type Override struct {
	Latency        *Latency `json:"latency,omitempty"`
	ErrorShare     *float64 `json:"errorShare,omitempty"`
	ErrorStatus    *int     `json:"errorStatus,omitempty"`
	LimitPerMinute *int     `json:"limitPerMinute,omitempty"`
	// Hang keeps calls unanswered until the client disconnects or the override is replaced.
	Hang bool `json:"hang,omitempty"`
	// OutageUntil is the end of an outage, during which every call gets 503.
	OutageUntil *time.Time `json:"outageUntil,omitempty"`
	// After decides whether a call's work is done before its delay, failure, hang or outage. If
	// nil, chance decides, and nothing is done during an outage.
	After *bool `json:"after,omitempty"`
	// Trouble, while it lasts, takes precedence over all fields but After: it changes limit,
	// latency and error share, replaces hang and outage, and pauses the script.
	Trouble *Trouble `json:"trouble,omitempty"`
}

// EffectiveBehavior is the behaviour of an endpoint towards a call at one moment.
type EffectiveBehavior struct {
	Profile

	Hang      bool
	HangUntil time.Time // zero: until the override is replaced
	// Outage is true if the call gets 503.
	Outage bool
	// OutageLeft is the rest of the outage; 0 omits Retry-After.
	OutageLeft time.Duration
}

// Effective returns the behaviour of an endpoint with the configured profile towards a call about a
// line; line is a pseudonym or empty.
func (o Override) Effective(configured Profile, now time.Time, line string) EffectiveBehavior {
	profile := o.On(configured)
	if o.Trouble.affects(now, line) {
		return o.Trouble.effective(profile, now)
	}
	effective := EffectiveBehavior{Profile: profile, Hang: o.Hang}
	if o.OutageUntil != nil && now.Before(*o.OutageUntil) {
		effective.Outage, effective.OutageLeft = true, o.OutageUntil.Sub(now)
	}
	return effective
}

// On returns the profile with the override applied, without its trouble.
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

// Validate returns all values out of range.
func (o Override) Validate() error {
	return o.On(Defaults()[Auth]).Validate() // any valid profile will do
}

// Step is one scripted answer: it replaces the endpoint's behaviour for one call. The zero Step is
// the usual answer.
type Step struct {
	// Status is the HTTP status of a failure, 400 to 599; 0 means no failure.
	Status int `json:"status,omitempty"`
	// LatencyMs is the latency. If nil, it is the endpoint's.
	LatencyMs *Milliseconds `json:"latencyMs,omitempty"`
	// Hang keeps the call unanswered, as Override.Hang does.
	Hang bool `json:"hang,omitempty"`
	// Drop closes the connection instead of answering. It excludes Status.
	Drop bool `json:"drop,omitempty"`
	// After does the call's work before the failure, so that the client cannot tell whether it was
	// done.
	After bool `json:"after,omitempty"`
}

// Validate returns all values out of range.
func (s Step) Validate() error {
	var faults []error
	if s.Status != 0 && (s.Status < http.StatusBadRequest || s.Status > 599) {
		faults = append(faults, errors.New("status: want 400 to 599"))
	}
	if s.After && s.Status != 0 && !isFault(s.Status) {
		faults = append(faults, errors.New("after: must not be set with a 4xx, which means that nothing was done"))
	}
	if s.Drop && s.Status != 0 {
		faults = append(faults, errors.New("drop: must not be set together with a status"))
	}
	if s.LatencyMs != nil {
		fixed := Latency{Min: *s.LatencyMs, Max: *s.LatencyMs}
		if fixed.Validate() != nil {
			faults = append(faults, fmt.Errorf("latencyMs: want 0 to %d", MaxLatency.Milliseconds()))
		}
	}
	return errors.Join(faults...)
}

// ScriptedStep is a step for the next call of a line, or of any line.
type ScriptedStep struct {
	Step
	// Line is the pseudonym of the line; empty for the next call of any line, and for endpoints
	// without lines.
	Line string
}

// MaxScript is the maximum length of a script.
const MaxScript = 10_000
