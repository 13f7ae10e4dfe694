package behavior

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Call is a call that has reached KOS.
type Call struct {
	Endpoint  Endpoint
	Client    string // a registered client, or Anonymous
	RequestID string // the caller's; may be empty
	Line      string // pseudonym of the line asked about; may be empty
	At        time.Time
	// Limit is the configured number of calls a minute; 0 is no limit.
	Limit int
}

// Anonymous is the client of all calls whose caller is not known. They share
// one limit.
const Anonymous = "anonymous"

// Admission is what the ledger says to a call.
type Admission struct {
	CallID   int64
	Override Override
	// Version changes whenever somebody changes the endpoint's behaviour.
	Version int64
	// Step is the answer that the script has for this call, which is thereby
	// used up; nil without a script, and in a trouble.
	Step *Step
	// Limited is true for a call beyond the limit; RetryAfter is how long it
	// takes until there is room.
	Limited    bool
	RetryAfter time.Duration
}

// Ledger is the memory that all replicas share.
type Ledger interface {
	// Admit records the call, counts it against its client's limit and takes
	// the next step of the script, all or nothing. A trouble at the time of the
	// call counts: its limit holds, and the script rests.
	Admit(ctx context.Context, call Call) (Admission, error)
	// Version returns the current version of the endpoint's behaviour.
	Version(ctx context.Context, endpoint Endpoint) (int64, error)
}

// Verdict is what a call gets.
type Verdict struct {
	CallID int64
	// After is true if the endpoint's work is to be done before Delay and Hang,
	// whatever comes of the call. Otherwise it is done after them, and only if
	// Status is 0 and the caller is still there.
	After   bool
	Delay   time.Duration
	Hang    bool
	version int64
	// hangUntil is when the hang ends by itself; zero: never.
	hangUntil time.Time
	// Status is the HTTP status of the failure to answer with; 0 lets the
	// endpoint answer.
	Status int
	// Drop closes the connection without an answer.
	Drop bool
	// RetryAfter goes with Status; 0 says nothing.
	RetryAfter time.Duration
}

// ErrStopping is returned to held calls when the service stops.
var ErrStopping = errors.New("behavior: service stops")

// Gate stands before every endpoint.
type Gate struct {
	ledger Ledger
	random func() float64 // 0 up to, not including, 1
	now    func() time.Time
	stop   chan struct{}
	once   sync.Once
}

// NewGate returns a gate that draws latencies and chance failures from random.
func NewGate(ledger Ledger, random func() float64, now func() time.Time) *Gate {
	return &Gate{ledger: ledger, random: random, now: now, stop: make(chan struct{})}
}

// Judge records the call and says what it gets from an endpoint of that
// profile. Beyond the limit that is 429 at once. Otherwise the script decides,
// if there is one, then an outage, then a hang, then chance. Nothing is ever
// done for a call beyond the limit.
func (g *Gate) Judge(ctx context.Context, call Call, profile Profile) (Verdict, error) {
	call.Limit = profile.LimitPerMinute
	admission, err := g.ledger.Admit(ctx, call)
	if err != nil {
		return Verdict{}, err
	}
	verdict := Verdict{CallID: admission.CallID, version: admission.Version}
	after := admission.Override.After
	conduct := admission.Override.Conduct(profile, g.now(), call.Line)
	switch {
	case admission.Limited:
		verdict.Status, verdict.RetryAfter = http.StatusTooManyRequests, admission.RetryAfter
	case admission.Step != nil:
		g.follow(*admission.Step, conduct.Profile, &verdict)
	case conduct.Outage:
		verdict.Status, verdict.RetryAfter = http.StatusServiceUnavailable, conduct.OutageLeft
		verdict.After = after != nil && *after
	default:
		verdict.Delay = g.draw(conduct.Latency)
		verdict.Hang, verdict.hangUntil = conduct.Hang, conduct.HangUntil
		verdict.After = g.random() < afterShare
		set(&verdict.After, after)
		if g.random() < conduct.ErrorShare {
			verdict.Status = conduct.ErrorStatus
		}
	}
	return verdict, nil
}

// afterShare is the share of calls whose work is done before their time passes:
// of the callers who lose patience or meet a failure, as many find it done as
// not.
const afterShare = 0.5

// follow writes a step of the script into the verdict.
func (g *Gate) follow(step Step, profile Profile, verdict *Verdict) {
	verdict.Status, verdict.Hang, verdict.Drop, verdict.After = step.Status, step.Hang, step.Drop, step.After
	if step.LatencyMs != nil {
		verdict.Delay = step.LatencyMs.Duration()
	} else {
		verdict.Delay = g.draw(profile.Latency)
	}
	if step.Status == http.StatusTooManyRequests {
		verdict.RetryAfter = time.Second
	}
}

func (g *Gate) draw(latency Latency) time.Duration {
	low, high := latency.Min.Duration(), latency.Max.Duration()
	return low + time.Duration(g.random()*float64(high-low))
}

// heldInterval is how soon a held call notices that the hang is lifted.
const heldInterval = 500 * time.Millisecond

// Wait lets the verdict's time pass. It returns the context's error if the
// caller leaves, and ErrStopping for a held call when the service stops.
func (g *Gate) Wait(ctx context.Context, endpoint Endpoint, verdict Verdict) error {
	if err := pause(ctx, verdict.Delay); err != nil || !verdict.Hang {
		return err
	}
	for {
		select {
		case <-g.stop:
			return ErrStopping
		default:
		}
		if !verdict.hangUntil.IsZero() && !g.now().Before(verdict.hangUntil) {
			return nil
		}
		version, err := g.ledger.Version(ctx, endpoint)
		if err == nil && version != verdict.version {
			return nil
		}
		// A ledger that fails says nothing about the hang.
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

// Stop lets go of the calls that hang, so that the server can drain.
func (g *Gate) Stop() { g.once.Do(func() { close(g.stop) }) }
