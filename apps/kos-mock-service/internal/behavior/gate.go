package behavior

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Call is a call that reached KOS.
type Call struct {
	Endpoint  Endpoint
	Client    string // a registered client, or Anonymous
	RequestID string // the client's id of the request; may be empty
	Line      string // pseudonym of the requested line; may be empty
	At        time.Time
	// Limit is the configured number of calls a minute; 0 means no limit.
	Limit int
}

// Anonymous is the client of all unauthenticated calls. They share one limit.
const Anonymous = "anonymous"

// Admission is the ledger's answer to a call.
type Admission struct {
	CallID   int64
	Override Override
	// Version changes with every change of the endpoint's behaviour.
	Version int64
	// Step is the script's step for this call, which the call consumes; nil without a script and
	// during a trouble.
	Step *Step
	// Limited is true for a call beyond the limit; RetryAfter is the time until the next one is
	// admitted.
	Limited    bool
	RetryAfter time.Duration
}

// Ledger is the state that all replicas share.
type Ledger interface {
	// Admit records the call, counts it against the client's limit and takes the next step of the
	// script, in one transaction. During a trouble the trouble's limit applies and the script is
	// paused.
	Admit(ctx context.Context, call Call) (Admission, error)
	// Version returns the version of the endpoint's behaviour.
	Version(ctx context.Context, endpoint Endpoint) (int64, error)
}

// Decision is the decision about a call.
type Decision struct {
	CallID int64
	// After is true if the endpoint's work is done before Delay and Hang, whatever the answer.
	// Otherwise it is done after them, and only if Status is 0 and the client is still connected.
	After   bool
	Delay   time.Duration
	Hang    bool
	version int64
	// hangUntil is when the hang ends; zero means never.
	hangUntil time.Time
	// Status is the HTTP status of a failure; 0 lets the endpoint answer.
	Status int
	// Drop closes the connection without an answer.
	Drop bool
	// RetryAfter is the Retry-After of Status; 0 omits the header.
	RetryAfter time.Duration
}

// ErrStopping is returned to hanging calls when the service stops.
var ErrStopping = errors.New("behavior: service stops")

// Gate decides about every call before the endpoint handles it.
type Gate struct {
	ledger Ledger
	random func() float64 // in [0, 1)
	now    func() time.Time
	stop   chan struct{}
	once   sync.Once
}

// NewGate returns a gate that draws latencies and failures from random.
func NewGate(ledger Ledger, random func() float64, now func() time.Time) *Gate {
	return &Gate{ledger: ledger, random: random, now: now, stop: make(chan struct{})}
}

// Decide records the call and decides how the endpoint with that profile answers. Beyond the limit
// the answer is 429 without delay and without work. Otherwise the script decides, if there is one,
// then an outage, then a hang, then chance.
func (g *Gate) Decide(ctx context.Context, call Call, profile Profile) (Decision, error) {
	call.Limit = profile.LimitPerMinute
	admission, err := g.ledger.Admit(ctx, call)
	if err != nil {
		return Decision{}, err
	}
	decision := Decision{CallID: admission.CallID, version: admission.Version}
	after := admission.Override.After
	effective := admission.Override.Effective(profile, g.now(), call.Line)
	switch {
	case admission.Limited:
		decision.Status, decision.RetryAfter = http.StatusTooManyRequests, admission.RetryAfter
	case admission.Step != nil:
		g.follow(*admission.Step, effective.Profile, &decision)
	case effective.Outage:
		decision.Status, decision.RetryAfter = http.StatusServiceUnavailable, effective.OutageLeft
		decision.After = after != nil && *after
	default:
		decision.Delay = g.draw(effective.Latency)
		decision.Hang, decision.hangUntil = effective.Hang, effective.HangUntil
		decision.After = g.random() < afterShare
		set(&decision.After, after)
		if g.random() < effective.ErrorShare {
			decision.Status = effective.ErrorStatus
		}
	}
	return decision, nil
}

// afterShare is the share of calls whose work is done before the delay: of the clients that time
// out or meet a failure, half find the work done.
const afterShare = 0.5

// follow applies a step of the script to the decision.
func (g *Gate) follow(step Step, profile Profile, decision *Decision) {
	decision.Status, decision.Hang, decision.Drop, decision.After = step.Status, step.Hang, step.Drop, step.After
	if step.LatencyMs != nil {
		decision.Delay = step.LatencyMs.Duration()
	} else {
		decision.Delay = g.draw(profile.Latency)
	}
	if step.Status == http.StatusTooManyRequests {
		decision.RetryAfter = time.Second
	}
}

func (g *Gate) draw(latency Latency) time.Duration {
	low, high := latency.Min.Duration(), latency.Max.Duration()
	return low + time.Duration(g.random()*float64(high-low))
}

// heldInterval is how often a hanging call checks whether the hang has ended.
const heldInterval = 500 * time.Millisecond

// Wait waits for the delay and the hang of the decision. It returns the context's error if the
// client disconnects, and ErrStopping for a hanging call when the service stops.
func (g *Gate) Wait(ctx context.Context, endpoint Endpoint, decision Decision) error {
	if err := pause(ctx, decision.Delay); err != nil || !decision.Hang {
		return err
	}
	for {
		select {
		case <-g.stop:
			return ErrStopping
		default:
		}
		if !decision.hangUntil.IsZero() && !g.now().Before(decision.hangUntil) {
			return nil
		}
		version, err := g.ledger.Version(ctx, endpoint)
		if err == nil && version != decision.version {
			return nil
		}
		// If the ledger fails, the hang continues.
		if err := pause(ctx, heldInterval); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Stop ends all hanging calls, so that the server can drain.
func (g *Gate) Stop() { g.once.Do(func() { close(g.stop) }) }
