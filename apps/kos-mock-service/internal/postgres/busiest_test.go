package postgres_test

import (
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/postgres"
)

// arrive records and answers calls at the given offsets from noon.
func arrive(t *testing.T, store *postgres.Store, call behavior.Call, status int, from ...time.Duration) {
	t.Helper()
	var answers []behavior.Answer
	for _, after := range from {
		call.At = noon.Add(after)
		id := admit(t, store, call).CallID
		answers = append(answers, behavior.Answer{CallID: id, CalledAt: call.At, Status: status})
	}
	if err := store.WriteAnswers(t.Context(), answers); err != nil {
		t.Fatal(err)
	}
}

func TestBusiestMinute(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	bill, second := billCall(noon, 0), time.Second
	bill.Line = "line-a"
	// Three calls within a minute across a minute boundary of the clock; a fourth one minute after
	// the first.
	arrive(t, store, bill, 200, -100*second, -80*second, -70*second, -40*second)
	admit(t, store, billCall(noon.Add(-75*second), 0)) // unanswered: a fourth
	arrive(t, store, bill, 429, -79*second, -78*second, -77*second)
	other := bill
	other.Client = "auth-service"
	arrive(t, store, other, 503, -79*second, -78*second)
	other.Endpoint = behavior.Products
	arrive(t, store, other, 200, -90*second)
	arrive(t, store, bill, 200, -25*time.Hour, -25*time.Hour, -25*time.Hour, -25*time.Hour, -25*time.Hour) // too old

	for name, tc := range map[string]struct {
		filter behavior.CallFilter
		want   int64
	}{
		"all":                 {behavior.CallFilter{}, 4},
		"endpoint":            {behavior.CallFilter{Endpoint: behavior.Products}, 1},
		"client":              {behavior.CallFilter{Client: "auth-service"}, 2},
		"endpoint and client": {behavior.CallFilter{Endpoint: behavior.BillInquiry, Client: "auth-service"}, 2},
		"line":                {behavior.CallFilter{Line: "line-a"}, 3},
		"since":               {behavior.CallFilter{Since: noon.Add(-70 * second)}, 2},
		"since two days ago":  {behavior.CallFilter{Since: noon.Add(-30 * time.Hour)}, 4},
		"none":                {behavior.CallFilter{Since: noon.Add(second)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := store.BusiestMinute(t.Context(), tc.filter)
			if err != nil || got != tc.want {
				t.Errorf("got %d, want %d, %v", got, tc.want, err)
			}
		})
	}
}

// TestBusiestMinuteMatchesTheLimit compares it with the enforced limit.
func TestBusiestMinuteMatchesTheLimit(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	var answers []behavior.Answer
	for n := range 60 {
		call := billCall(noon.Add(time.Duration(n*2500)*time.Millisecond), 10)
		admission, status := admit(t, store, call), 200
		if admission.Limited {
			status = 429
		}
		answers = append(answers, behavior.Answer{CallID: admission.CallID, CalledAt: call.At, Status: status})
	}
	if err := store.WriteAnswers(t.Context(), answers); err != nil {
		t.Fatal(err)
	}
	got, err := store.BusiestMinute(t.Context(), behavior.CallFilter{})
	if err != nil || got != 10 {
		t.Errorf("got %d of a limit of 10, %v", got, err)
	}
}
