package postgres_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/postgres"
)

func admit(t *testing.T, store *postgres.Store, call behavior.Call) behavior.Admission {
	t.Helper()
	admission, err := store.Admit(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	return admission
}

func billCall(at time.Time, limit int) behavior.Call {
	return behavior.Call{Endpoint: behavior.BillInquiry, Client: "bill-inquiry-service", At: at, Limit: limit}
}

func TestLimitSlides(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	second := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
	for _, step := range []struct {
		at         int
		limited    bool
		retryAfter int
	}{
		{0, false, 0}, {10, false, 0}, {20, false, 0},
		{30, true, 30}, // the first call leaves the window at 60
		{59, true, 1},
		{60, false, 0}, // one call is admitted, not more
		{61, true, 9},
		{70, false, 0},
		{71, true, 9}, // refused calls do not count
		{200, false, 0},
	} {
		got := admit(t, store, billCall(second(step.at), 3))
		if got.Limited != step.limited || got.RetryAfter != time.Duration(step.retryAfter)*time.Second {
			t.Errorf("second %d: limited %v, retry after %v", step.at, got.Limited, got.RetryAfter)
		}
	}
}

func TestLimitIsPerClientAndEndpoint(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	call := billCall(noon, 1)
	if admit(t, store, call).Limited {
		t.Fatal("the first call is limited")
	}
	other := call
	other.Client = "auth-service"
	if admit(t, store, other).Limited {
		t.Error("clients share a limit")
	}
	other = call
	other.Endpoint = behavior.Products
	if admit(t, store, other).Limited {
		t.Error("endpoints share a limit")
	}
	if !admit(t, store, call).Limited {
		t.Error("the second call is not limited")
	}
}

func TestLoweredLimitCountsEarlierCalls(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	for n := range 5 {
		admit(t, store, billCall(noon.Add(time.Duration(n)*time.Second), 10))
	}
	limit := 2
	if err := store.SetOverride(t.Context(), behavior.BillInquiry, behavior.Override{LimitPerMinute: &limit}, nil); err != nil {
		t.Fatal(err)
	}
	got := admit(t, store, billCall(noon.Add(10*time.Second), 10))
	if !got.Limited || got.RetryAfter != 53*time.Second { // when the fourth call leaves the window, at 63
		t.Errorf("got %+v", got)
	}
}

func TestUnlimitedCallsAreNotCounted(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	for range 20 {
		if admit(t, store, billCall(noon, 0)).Limited {
			t.Fatal("limited without a limit")
		}
	}
	if admit(t, store, billCall(noon, 1)).Limited {
		t.Error("calls without a limit were counted")
	}
}

// Two stores act as two replicas; the clock of one is behind.
func TestLimitIsExactOverReplicas(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	const limit, calls = 25, 100
	var admitted atomic.Int64
	var group sync.WaitGroup
	for n := range calls {
		group.Go(func() {
			at := noon.Add(time.Duration(n%2) * -5 * time.Second)
			if got, err := store.Admit(t.Context(), billCall(at, limit)); err != nil {
				t.Error(err)
			} else if !got.Limited {
				admitted.Add(1)
			}
		})
	}
	group.Wait()
	if admitted.Load() != limit {
		t.Errorf("%d of %d calls admitted, want %d", admitted.Load(), calls, limit)
	}
}

func TestLimitClockIsMonotonic(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	for range 2 {
		admit(t, store, billCall(noon, 2))
	}
	behind := admit(t, store, billCall(noon.Add(-10*time.Second), 2))
	if !behind.Limited || behind.RetryAfter != 70*time.Second {
		t.Errorf("a clock that is behind got %+v", behind)
	}
	if admit(t, store, billCall(noon.Add(time.Minute), 2)).Limited {
		t.Error("limited a minute later")
	}
}

func TestScriptIsFollowedInOrderAndOnce(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	script := []behavior.ScriptedStep{
		{Step: behavior.Step{Status: 503}},
		{Step: behavior.Step{Status: 500}, Line: "line-a"},
		{Step: behavior.Step{Status: 502}},
	}
	if err := store.SetOverride(t.Context(), behavior.BillInquiry, behavior.Override{}, script); err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, line := range []string{"line-b", "line-b", "line-b", "line-a", "line-a"} {
		call := billCall(noon, 0)
		call.Line = line
		status := 0
		if step := admit(t, store, call).Step; step != nil {
			status = step.Status
		}
		got = append(got, status)
	}
	if diff := cmp.Diff([]int{503, 502, 0, 500, 0}, got); diff != "" {
		t.Error(diff)
	}
}

func TestLimitedCallConsumesNoStep(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	admit(t, store, billCall(noon, 1))
	script := []behavior.ScriptedStep{{Step: behavior.Step{Status: 503}}}
	if err := store.SetOverride(t.Context(), behavior.BillInquiry, behavior.Override{}, script); err != nil {
		t.Fatal(err)
	}
	if got := admit(t, store, billCall(noon, 1)); !got.Limited || got.Step != nil {
		t.Errorf("limited call got %+v", got)
	}
	if got := admit(t, store, billCall(noon.Add(time.Minute), 1)); got.Step == nil {
		t.Error("the step is gone")
	}
}

func TestScriptIsSharedExactlyByConcurrentCalls(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	script := slices.Repeat([]behavior.ScriptedStep{{Step: behavior.Step{Status: 503}}}, 30)
	if err := store.SetOverride(t.Context(), behavior.BillInquiry, behavior.Override{}, script); err != nil {
		t.Fatal(err)
	}
	var scripted atomic.Int64
	var group sync.WaitGroup
	for range 60 {
		group.Go(func() {
			if got, err := store.Admit(t.Context(), billCall(noon, 0)); err != nil {
				t.Error(err)
			} else if got.Step != nil {
				scripted.Add(1)
			}
		})
	}
	group.Wait()
	if scripted.Load() != 30 {
		t.Errorf("%d steps taken of 30", scripted.Load())
	}
}

func TestOverrideReachesTheNextCall(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	before := admit(t, store, billCall(noon, 0))
	if diff := cmp.Diff(behavior.Override{}, before.Override); diff != "" {
		t.Error(diff)
	}
	until, share, latency := noon.Add(time.Minute), 0.25, behavior.Latency{Min: 1, Max: 2}
	override := behavior.Override{Latency: &latency, ErrorShare: &share, OutageUntil: &until, Hang: true}
	if err := store.SetOverride(t.Context(), behavior.BillInquiry, override, nil); err != nil {
		t.Fatal(err)
	}
	after := admit(t, store, billCall(noon, 0))
	if diff := cmp.Diff(override, after.Override); diff != "" {
		t.Error(diff)
	}
	version, err := store.Version(t.Context(), behavior.BillInquiry)
	if err != nil || version != after.Version || version == before.Version {
		t.Errorf("version %d, then %d, now %d, %v", before.Version, after.Version, version, err)
	}
}

func TestResetForgetsEverything(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	for _, endpoint := range []behavior.Endpoint{behavior.BillInquiry, behavior.Products} {
		script := []behavior.ScriptedStep{{Step: behavior.Step{Status: 503}}, {Step: behavior.Step{Status: 503}}}
		if err := store.SetOverride(t.Context(), endpoint, behavior.Override{Hang: true}, script); err != nil {
			t.Fatal(err)
		}
	}
	hanging := admit(t, store, billCall(noon, 1))
	if err := store.Reset(t.Context(), behavior.BillInquiry); err != nil {
		t.Fatal(err)
	}
	got := admit(t, store, billCall(noon, 1))
	if got.Limited || got.Step != nil || got.Override.Hang || got.Version == hanging.Version {
		t.Errorf("after the reset %+v", got)
	}
	override, steps, err := store.Override(t.Context(), behavior.Products)
	if err != nil || !override.Hang || steps != 2 {
		t.Errorf("the other endpoint: %+v, %d steps, %v", override, steps, err)
	}
	if err := store.Reset(t.Context(), behavior.Endpoints()...); err != nil {
		t.Fatal(err)
	}
	if override, steps, err := store.Override(t.Context(), behavior.Products); err != nil || override.Hang || steps != 0 {
		t.Errorf("after resetting all: %+v, %d steps, %v", override, steps, err)
	}
}

func BenchmarkAdmit(b *testing.B) {
	store := postgres.New(pgtestPool(b), time.Now)
	for b.Loop() {
		if _, err := store.Admit(b.Context(), billCall(time.Now(), 100)); err != nil {
			b.Fatal(err)
		}
	}
}
