package behavior_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
)

// ledger is a fake that answers every call with the same admission.
type ledger struct {
	admission behavior.Admission
	fault     error
	version   atomic.Int64
	limit     int
}

func (l *ledger) Admit(_ context.Context, call behavior.Call) (behavior.Admission, error) {
	l.limit = call.Limit
	return l.admission, l.fault
}

func (l *ledger) Version(context.Context, behavior.Endpoint) (int64, error) {
	return l.version.Load(), l.fault
}

func always(value float64) func() float64 { return func() float64 { return value } }

func ptr[T any](value T) *T { return &value }

func TestDecide(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 17, 9, 0, 0, 0, time.UTC)
	profile := behavior.Profile{
		Latency: behavior.Latency{Min: 200, Max: 400}, ErrorShare: 0.5, ErrorStatus: 500, LimitPerMinute: 100,
	}
	tests := map[string]struct {
		admission behavior.Admission
		random    float64
		want      behavior.Decision
	}{
		"as configured": {behavior.Admission{}, 0.5, behavior.Decision{Delay: 300 * time.Millisecond}},
		"random failure after the work": {
			behavior.Admission{}, 0.25,
			behavior.Decision{Delay: 250 * time.Millisecond, Status: 500, After: true},
		},
		"override: failure before the work": {
			behavior.Admission{Override: behavior.Override{After: ptr(false)}}, 0.25,
			behavior.Decision{Delay: 250 * time.Millisecond, Status: 500},
		},
		"override: work first": {
			behavior.Admission{Override: behavior.Override{After: ptr(true), Hang: true}}, 0.5,
			behavior.Decision{Delay: 300 * time.Millisecond, Hang: true, After: true},
		},
		"beyond the limit": {
			behavior.Admission{Limited: true, Override: behavior.Override{After: ptr(true)}}, 0.25,
			behavior.Decision{Status: http.StatusTooManyRequests},
		},
		"beyond the limit, with a script": {
			behavior.Admission{Limited: true, RetryAfter: 7 * time.Second, Step: &behavior.Step{Status: 502}}, 0.9,
			behavior.Decision{Status: http.StatusTooManyRequests, RetryAfter: 7 * time.Second},
		},
		"script takes precedence": {
			behavior.Admission{
				Step:     &behavior.Step{LatencyMs: ptr(behavior.Milliseconds(5))},
				Override: behavior.Override{OutageUntil: ptr(now.Add(time.Hour)), Hang: true},
			}, 0,
			behavior.Decision{Delay: 5 * time.Millisecond},
		},
		"scripted failure with the endpoint's latency": {
			behavior.Admission{Step: &behavior.Step{Status: 503}}, 0.5,
			behavior.Decision{Delay: 300 * time.Millisecond, Status: 503},
		},
		"scripted limit": {
			behavior.Admission{Step: &behavior.Step{Status: 429, LatencyMs: ptr(behavior.Milliseconds(0))}}, 0.5,
			behavior.Decision{Status: 429, RetryAfter: time.Second},
		},
		"scripted hang": {
			behavior.Admission{Step: &behavior.Step{Hang: true}}, 0.5,
			behavior.Decision{Delay: 300 * time.Millisecond, Hang: true},
		},
		"scripted failure after the work, against the override": {
			behavior.Admission{
				Step:     &behavior.Step{Status: 500, After: true},
				Override: behavior.Override{After: ptr(false)},
			}, 0.5,
			behavior.Decision{Delay: 300 * time.Millisecond, Status: 500, After: true},
		},
		"scripted drop": {
			behavior.Admission{
				Step:     &behavior.Step{Drop: true},
				Override: behavior.Override{After: ptr(true)},
			}, 0.25,
			behavior.Decision{Delay: 250 * time.Millisecond, Drop: true},
		},
		"outage after the work": {
			behavior.Admission{Override: behavior.Override{OutageUntil: ptr(now.Add(time.Second)), After: ptr(true)}}, 0,
			behavior.Decision{Status: http.StatusServiceUnavailable, RetryAfter: time.Second, After: true},
		},
		"outage": {
			behavior.Admission{Override: behavior.Override{OutageUntil: ptr(now.Add(30 * time.Second))}}, 0,
			behavior.Decision{Status: http.StatusServiceUnavailable, RetryAfter: 30 * time.Second},
		},
		"outage over": {
			behavior.Admission{Override: behavior.Override{OutageUntil: &now}}, 0.5,
			behavior.Decision{Delay: 300 * time.Millisecond},
		},
		"overridden": {
			behavior.Admission{Override: behavior.Override{
				Latency: ptr(behavior.Latency{Min: 10, Max: 10}), ErrorShare: ptr(1.0), ErrorStatus: ptr(504), Hang: true,
			}}, 0.9,
			behavior.Decision{Delay: 10 * time.Millisecond, Status: 504, Hang: true},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shared := &ledger{admission: tc.admission}
			gate := behavior.NewGate(shared, always(tc.random), func() time.Time { return now })
			got, err := gate.Decide(t.Context(), behavior.Call{}, profile)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreUnexported(behavior.Decision{})); diff != "" {
				t.Error(diff)
			}
			if shared.limit != profile.LimitPerMinute {
				t.Errorf("ledger got a limit of %d", shared.limit)
			}
		})
	}
}

func TestDecideReturnsLedgerErrors(t *testing.T) {
	t.Parallel()
	want := errors.New("database is unavailable")
	gate := behavior.NewGate(&ledger{fault: want}, always(0), time.Now)
	if _, err := gate.Decide(t.Context(), behavior.Call{}, behavior.Profile{}); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

// decided returns a gate over shared, and one of its decisions.
func decided(t *testing.T, shared *ledger) (*behavior.Gate, behavior.Decision) {
	t.Helper()
	gate := behavior.NewGate(shared, always(0.5), time.Now)
	decision, err := gate.Decide(t.Context(), behavior.Call{}, behavior.Profile{Latency: behavior.Latency{Min: 300, Max: 300}})
	if err != nil {
		t.Fatal(err)
	}
	return gate, decision
}

func TestWaitTakesTheDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate, decision := decided(t, &ledger{})
		start := time.Now()
		if err := gate.Wait(t.Context(), behavior.Auth, decision); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 300*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

func TestWaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]bool{"waiting": false, "held": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				gate, decision := decided(t, &ledger{admission: behavior.Admission{Override: behavior.Override{Hang: hang}}})
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				if hang {
					decision.Delay = 0
				}
				if err := gate.Wait(ctx, behavior.Auth, decision); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestHangEndsWhenLifted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := &ledger{admission: behavior.Admission{Override: behavior.Override{Hang: true}}}
		gate, decision := decided(t, shared)
		ended := make(chan error, 1)
		go func() { ended <- gate.Wait(t.Context(), behavior.Auth, decision) }()
		<-time.After(time.Minute) // on the bubble's clock
		select {
		case err := <-ended:
			t.Fatalf("did not hang: %v", err)
		default:
		}
		shared.version.Add(1)
		if err := <-ended; err != nil {
			t.Errorf("got %v", err)
		}
	})
}

func TestStopEndsHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate, decision := decided(t, &ledger{
			admission: behavior.Admission{Override: behavior.Override{Hang: true}},
			fault:     nil,
		})
		ended := make(chan error, 1)
		go func() { ended <- gate.Wait(t.Context(), behavior.Auth, decision) }()
		synctest.Wait()
		gate.Stop()
		gate.Stop() // stopping twice is allowed
		if err := <-ended; !errors.Is(err, behavior.ErrStopping) {
			t.Errorf("got %v", err)
		}
	})
}

func TestValidateStep(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		step behavior.Step
		ok   bool
	}{
		"as usual":         {behavior.Step{}, true},
		"everything":       {behavior.Step{Status: 503, LatencyMs: ptr(behavior.Milliseconds(15_000)), Hang: true}, true},
		"no failure":       {behavior.Step{Status: 200}, false},
		"no status":        {behavior.Step{Status: 600}, false},
		"negative latency": {behavior.Step{LatencyMs: ptr(behavior.Milliseconds(-1))}, false},
		"work, then fail":  {behavior.Step{Status: 500, Hang: true, After: true}, true},
		"work, then drop":  {behavior.Step{Drop: true, After: true}, true},
		"work, then deny":  {behavior.Step{Status: 429, After: true}, false},
		"drop an answer":   {behavior.Step{Status: 503, Drop: true}, false},
		"latency too high": {behavior.Step{LatencyMs: ptr(behavior.Milliseconds(15_001))}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if err := tc.step.Validate(); (err == nil) != tc.ok {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func TestValidateOverride(t *testing.T) {
	t.Parallel()
	valid := behavior.Override{ErrorShare: ptr(0.0), LimitPerMinute: ptr(0), Hang: true}
	if err := valid.Validate(); err != nil {
		t.Error(err)
	}
	for name, override := range map[string]behavior.Override{
		"share":   {ErrorShare: ptr(1.01)},
		"status":  {ErrorStatus: ptr(404)},
		"limit":   {LimitPerMinute: ptr(-1)},
		"latency": {Latency: &behavior.Latency{Min: 2, Max: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if override.Validate() == nil {
				t.Errorf("%s accepted", name)
			}
		})
	}
}
