package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/postgres"
)

// trouble returns a trouble of bill inquiries that lasts one minute from noon.
func trouble(t *testing.T, name string) behavior.Trouble {
	t.Helper()
	kind, known := behavior.KindOf(name)
	if !known {
		t.Fatalf("unknown trouble %q", name)
	}
	return kind.Begin(behavior.BillInquiry, behavior.Defaults()[behavior.BillInquiry], noon, time.Minute)
}

func afflict(t *testing.T, store *postgres.Store, trouble behavior.Trouble) {
	t.Helper()
	troubles := map[behavior.Endpoint]behavior.Trouble{behavior.BillInquiry: trouble}
	if err := store.SetTroubles(t.Context(), troubles); err != nil {
		t.Fatal(err)
	}
}

func TestTroubleKeepsTheOverride(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	share := 0.25
	script := []behavior.ScriptedStep{{Step: behavior.Step{Status: 503}}}
	current := behavior.Override{ErrorShare: &share, Hang: true}
	if err := store.SetOverride(t.Context(), behavior.BillInquiry, current, script); err != nil {
		t.Fatal(err)
	}
	before := admit(t, store, billCall(noon, 0)).Version
	first, second := trouble(t, "outage"), trouble(t, "limit-drop")
	afflict(t, store, first)
	afflict(t, store, second) // replaces the first
	current.Trouble = &second
	all, err := store.Overrides(t.Context())
	if diff := cmp.Diff(map[behavior.Endpoint]behavior.Override{behavior.BillInquiry: current}, all); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	got := admit(t, store, billCall(noon, 0))
	if diff := cmp.Diff(current, got.Override); diff != "" || got.Version != before+2 {
		t.Errorf("version %d after %d: %s", got.Version, before, diff)
	}
	if err := store.SetOverride(t.Context(), behavior.BillInquiry, behavior.Override{}, nil); err != nil {
		t.Fatal(err)
	}
	if got := admit(t, store, billCall(noon, 0)).Override; got.Trouble != nil {
		t.Errorf("after the override was replaced: %+v", got.Trouble)
	}
}

// TestTroubleLimitFollowsTheClock compares the SQL statement with the rules in package behavior.
func TestTroubleLimitFollowsTheClock(t *testing.T) {
	t.Parallel()
	const configured = 4
	for _, kind := range behavior.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			store := newStore(t)
			set := trouble(t, kind.Name)
			set.LimitPerMinute = min(set.LimitPerMinute, 2)
			afflict(t, store, set)
			for _, at := range []time.Time{
				noon.Add(-time.Microsecond), noon, noon.Add(time.Minute - time.Microsecond), noon.Add(time.Minute),
			} {
				call := billCall(at, configured)
				call.Client = at.String() // a client with an empty window
				admitted := 0
				for !admit(t, store, call).Limited {
					admitted++
				}
				override := behavior.Override{Trouble: &set}
				want := override.Effective(behavior.Profile{LimitPerMinute: configured}, at, "").LimitPerMinute
				if admitted != want {
					t.Errorf("%v from its start: %d admitted, want %d", at.Sub(noon), admitted, want)
				}
			}
		})
	}
}

func TestScriptIsPausedDuringTrouble(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		line string // of the trouble
		want []bool // whether the script applies, by the time of the call
	}{
		"of all lines": {"", []bool{true, false, false, true}},
		"of the line":  {"line-a", []bool{true, false, false, true}},
		"of another":   {"line-b", []bool{true, true, true, true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newStore(t)
			step := behavior.ScriptedStep{Step: behavior.Step{Status: 503}}
			script := []behavior.ScriptedStep{step, step, step, step}
			if err := store.SetOverride(t.Context(), behavior.BillInquiry, behavior.Override{}, script); err != nil {
				t.Fatal(err)
			}
			set := trouble(t, "bad-line")
			set.Line = tc.line
			afflict(t, store, set)
			var got []bool
			for _, at := range []time.Duration{-1 * time.Second, 0, time.Minute - time.Second, time.Minute} {
				call := billCall(noon.Add(at), 0)
				call.Line = "line-a"
				got = append(got, admit(t, store, call).Step != nil)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestConcurrentBehaviorChangesAreSerialized changes all endpoints concurrently: an inconsistent
// lock order would cause a deadlock.
func TestConcurrentBehaviorChangesAreSerialized(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	troubles := make(map[behavior.Endpoint]behavior.Trouble)
	for _, endpoint := range behavior.Endpoints() {
		troubles[endpoint] = trouble(t, "hang")
	}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if err := store.SetTroubles(t.Context(), troubles); err != nil {
				t.Error(err)
			}
		})
		group.Go(func() {
			if err := store.Reset(t.Context(), behavior.Endpoints()...); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	version, err := store.Version(t.Context(), behavior.Products)
	if err != nil || version != 40 {
		t.Errorf("version %d, %v", version, err)
	}
}
