package behavior_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
)

var (
	onset   = time.Date(2026, 1, 17, 9, 0, 0, 0, time.UTC)
	healthy = behavior.Profile{
		Latency: behavior.Latency{Min: 200, Max: 400}, ErrorShare: 0.01, ErrorStatus: 500, LimitPerMinute: 100,
	}
)

const (
	lasting = 100 * time.Second
	sick    = "line-a" // the line of a trouble of one line
)

// begin returns an override that consists of the trouble with that name.
func begin(t *testing.T, name string) behavior.Override {
	t.Helper()
	kind, known := behavior.KindOf(name)
	if !known {
		t.Fatalf("unknown trouble %q", name)
	}
	trouble := kind.Begin(behavior.BillInquiry, healthy, onset, lasting)
	if kind.OneLine {
		trouble.Line = sick
	}
	return behavior.Override{Trouble: &trouble}
}

func TestTroublesFollowTheClock(t *testing.T) {
	t.Parallel()
	well := behavior.EffectiveBehavior{Profile: healthy}
	out := behavior.EffectiveBehavior{Profile: healthy, Outage: true}
	hanging := behavior.EffectiveBehavior{Profile: healthy, Hang: true, HangUntil: onset.Add(lasting)}
	slow := func(low, high behavior.Milliseconds) behavior.EffectiveBehavior {
		effective := well
		effective.Latency = behavior.Latency{Min: low, Max: high}
		return effective
	}
	failing := func(share float64) behavior.EffectiveBehavior {
		effective := well
		effective.ErrorShare = share
		return effective
	}
	strict := well
	strict.LimitPerMinute = 20
	for name, at := range map[string]map[float64]behavior.EffectiveBehavior{
		"slow-ramp":   {-1: well, 0: well, 25: slow(1400, 1550), 50: slow(2600, 2700), 99.9: slow(4995, 4995), 100: well},
		"error-storm": {-1: well, 0: failing(0.8), 99.9: failing(0.8), 100: well},
		"hang":        {-1: well, 0: hanging, 99.9: hanging, 100: well},
		"flapping":    {-1: well, 0: out, 9.9: out, 10: well, 19.9: well, 20: out, 30: well, 90: well, 100: well},
		"limit-drop":  {-1: well, 0: strict, 99.9: strict, 100: well},
		"outage":      {-1: well, 0: out, 50: out, 99.9: out, 100: well},
		"bad-line":    {-1: well, 0: failing(1), 99.9: failing(1), 100: well},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			override := begin(t, name)
			for second, want := range at {
				now := onset.Add(time.Duration(second * float64(time.Second)))
				if diff := cmp.Diff(want, override.Effective(healthy, now, sick)); diff != "" {
					t.Errorf("second %v: %s", second, diff)
				}
			}
		})
	}
}

func TestEveryKindHasAnEffect(t *testing.T) {
	t.Parallel()
	for _, kind := range behavior.Kinds() {
		override := begin(t, kind.Name)
		if cmp.Equal(behavior.EffectiveBehavior{Profile: healthy}, override.Effective(healthy, onset.Add(time.Second), sick)) {
			t.Errorf("%s does nothing", kind.Name)
		}
		if kind.Does == "" || override.Trouble.Name != kind.Name {
			t.Errorf("%s: %q, %+v", kind.Name, kind.Does, override.Trouble)
		}
	}
	if _, known := behavior.KindOf("unknown"); known {
		t.Error("an unknown kind was found")
	}
}

func TestTroubleOfOneLineDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	override := begin(t, "bad-line")
	override.Hang = true
	for _, line := range []string{"line-b", ""} {
		got := override.Effective(healthy, onset, line)
		if diff := cmp.Diff(behavior.EffectiveBehavior{Profile: healthy, Hang: true}, got); diff != "" {
			t.Errorf("line %q: %s", line, diff)
		}
	}
}

func TestOverrideAppliesAgainAfterTrouble(t *testing.T) {
	t.Parallel()
	override := begin(t, "slow-ramp")
	until := onset.Add(time.Hour)
	override.Latency, override.Hang, override.OutageUntil = &behavior.Latency{Min: 6000, Max: 6000}, true, &until
	changed := healthy
	changed.Latency = *override.Latency
	during := override.Effective(healthy, onset.Add(lasting/2), sick)
	if diff := cmp.Diff(behavior.EffectiveBehavior{Profile: changed}, during); diff != "" { // and 6 s do not decrease to 5 s
		t.Errorf("during the trouble: %s", diff)
	}
	after := override.Effective(healthy, onset.Add(lasting), sick)
	want := behavior.EffectiveBehavior{Profile: changed, Hang: true, Outage: true, OutageLeft: time.Hour - lasting}
	if diff := cmp.Diff(want, after); diff != "" {
		t.Errorf("after the trouble: %s", diff)
	}
}

func TestLimitDropIsRelativeToTheCurrentLimit(t *testing.T) {
	t.Parallel()
	kind, _ := behavior.KindOf("limit-drop")
	for before, want := range map[int]int{100: 20, 50: 10, 4: 1, 1: 1, 0: 40} { // 200 is the published limit
		profile := healthy
		profile.LimitPerMinute = before
		if got := kind.Begin(behavior.Auth, profile, onset, lasting).LimitPerMinute; got != want {
			t.Errorf("from %d to %d, want %d", before, got, want)
		}
	}
}

func TestDecideDuringTrouble(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		trouble string
		random  float64
		step    *behavior.Step
		want    behavior.Decision
	}{
		"outage":            {"outage", 0.5, nil, behavior.Decision{Status: http.StatusServiceUnavailable}},
		"flapping":          {"flapping", 0.5, nil, behavior.Decision{Status: http.StatusServiceUnavailable}},
		"storm":             {"error-storm", 0.79, nil, behavior.Decision{Delay: 358 * time.Millisecond, Status: 500}},
		"storm, spared":     {"error-storm", 0.81, nil, behavior.Decision{Delay: 362 * time.Millisecond}},
		"bad line":          {"bad-line", 0.99, nil, behavior.Decision{Delay: 398 * time.Millisecond, Status: 500}},
		"hang":              {"hang", 0.5, nil, behavior.Decision{Delay: 300 * time.Millisecond, Hang: true}},
		"step taken before": {"outage", 0.5, &behavior.Step{Status: 502}, behavior.Decision{Delay: 300 * time.Millisecond, Status: 502}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shared := &ledger{admission: behavior.Admission{Override: begin(t, tc.trouble), Step: tc.step}}
			gate := behavior.NewGate(shared, always(tc.random), func() time.Time { return onset })
			got, err := gate.Decide(t.Context(), behavior.Call{Line: sick}, healthy)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreUnexported(behavior.Decision{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTroubleHangEndsWithTheTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kind, _ := behavior.KindOf("hang")
		trouble := kind.Begin(behavior.BillInquiry, healthy, time.Now(), lasting)
		gate, decision := decided(t, &ledger{admission: behavior.Admission{Override: behavior.Override{Trouble: &trouble}}})
		start := time.Now()
		ctx, leave := context.WithTimeout(t.Context(), 2*lasting)
		defer leave()
		if err := gate.Wait(ctx, behavior.BillInquiry, decision); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < lasting || took > lasting+time.Second {
			t.Errorf("hung for %v", took)
		}
	})
}
