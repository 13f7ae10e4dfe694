package change_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

var (
	done      = answer{result: change.Result{Code: change.OK, Message: "정상 처리"}, found: true}
	refused   = answer{result: change.Result{Code: "2004", Message: "판매 중단"}, found: true}
	scheduled = answer{result: change.Result{Code: change.OK, Scheduled: true}, found: true}
	notFound  = answer{}
)

var (
	first   = change.Attempt{RequestID: id}
	inDoubt = change.Attempt{RequestID: id, InDoubt: true, LastAt: noon.Add(-time.Minute)}
)

// TestProcess makes one attempt.
func TestProcess(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	longAgo := change.Attempt{RequestID: id, InDoubt: true, LastAt: noon.Add(-time.Hour)}
	for name, test := range map[string]struct {
		before   func(w *world)
		age      time.Duration // of the change
		attempt  change.Attempt
		orders   []answer
		statuses []answer

		called []string // of KOS, in order
		step   change.Step
		after  time.Duration
		status change.Status
		code   string
	}{
		"done":    {attempt: first, orders: []answer{done}, called: []string{"order"}, step: change.StepFinished, status: change.Completed, code: change.OK},
		"refused": {attempt: first, orders: []answer{refused}, called: []string{"order"}, step: change.StepFinished, status: change.Failed, code: "2004"},
		"final already": {
			before: func(w *world) { w.change().Status = change.Completed }, attempt: first, step: change.StepNothing,
		},
		"unknown":              {before: func(w *world) { delete(w.ledger.changes, id) }, attempt: first, step: change.StepNothing},
		"database unavailable": {before: func(w *world) { w.ledger.fault = errDatabase }, attempt: first, step: change.StepFailed},
		"no answer":            {attempt: first, orders: []answer{{err: errNoAnswer}}, called: []string{"order"}, step: change.StepUnanswered},
		"breaker open":         {attempt: first, orders: []answer{{err: breakerOpen}}, called: []string{"order"}, step: change.StepNotCalled},
		"KOS busy": {
			attempt: first, orders: []answer{{err: &change.NotCalledError{Reason: change.KOSBusy, After: 20 * time.Second}}},
			called: []string{"order"}, step: change.StepThrottled,
		},
		"in doubt, and KOS did it":     {attempt: inDoubt, statuses: []answer{done}, called: []string{"status"}, step: change.StepFinished, status: change.Completed, code: change.OK},
		"in doubt, and KOS refused it": {attempt: inDoubt, statuses: []answer{refused}, called: []string{"status"}, step: change.StepFinished, status: change.Failed, code: "2004"},
		"in doubt, and KOS never got it": {
			attempt: inDoubt, statuses: []answer{notFound}, orders: []answer{done},
			called: []string{"status", "order"}, step: change.StepFinished, status: change.Completed, code: change.OK,
		},
		"in doubt, and outcomes cannot be asked for": {
			attempt: inDoubt, statuses: []answer{{err: breakerOpen}}, orders: []answer{done},
			called: []string{"status", "order"}, step: change.StepFinished, status: change.Completed, code: change.OK,
		},
		"in doubt, and KOS does not answer": {attempt: inDoubt, statuses: []answer{{err: errNoAnswer}}, called: []string{"status"}, step: change.StepUnanswered},

		"nearly a day old": {age: day - time.Minute, attempt: first, orders: []answer{done}, called: []string{"order"}, step: change.StepFinished, status: change.Completed, code: change.OK},
		"expired":          {age: day + time.Minute, attempt: first, step: change.StepFinished, status: change.Failed, code: "EXPIRED"},
		"given up":         {attempt: change.Attempt{RequestID: id, GiveUp: true}, step: change.StepFinished, status: change.Failed, code: "EXPIRED"},
		"expired, and KOS did it": {
			age: day + time.Minute, attempt: longAgo, statuses: []answer{done}, called: []string{"status"}, step: change.StepFinished, status: change.Completed, code: change.OK,
		},
		"expired, and KOS refused it": {
			age: day + time.Minute, attempt: longAgo, statuses: []answer{refused}, called: []string{"status"}, step: change.StepFinished, status: change.Failed, code: "2004",
		},
		"expired, and KOS never got it": {
			age: day + time.Minute, attempt: longAgo, statuses: []answer{notFound}, called: []string{"status"}, step: change.StepFinished, status: change.Failed, code: "EXPIRED",
		},
		"expired, and KOS may yet get it": {
			age: day + time.Minute, attempt: inDoubt, statuses: []answer{notFound}, called: []string{"status"}, step: change.StepPostponed, after: time.Minute,
		},
		"expired, and KOS does not answer": {
			age: day + time.Minute, attempt: longAgo, statuses: []answer{{err: errNoAnswer}}, called: []string{"status"}, step: change.StepPostponed,
		},
		"expired, and KOS cannot be asked": {
			age: 30 * day, attempt: longAgo, statuses: []answer{{err: breakerOpen}}, called: []string{"status"}, step: change.StepPostponed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.carrier.orders, w.carrier.statuses = test.orders, test.statuses
			if test.age > 0 {
				w.change().RequestedAt = noon.Add(-test.age)
			}
			if test.before != nil {
				test.before(w)
			}
			got := w.Process(t.Context(), test.attempt)
			want := change.Verdict{Step: test.step, After: test.after, Outcome: change.Outcome{Status: test.status, ResultCode: test.code}}
			ignored := cmpopts.IgnoreFields(change.Verdict{}, "Change", "Err", "Outcome.At", "Outcome.ResultMessage", "Outcome.Scheduled")
			if diff := cmp.Diff(want, got, ignored); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if final := got.Step == change.StepFinished || got.Step == change.StepNothing; final != (got.Err == nil) {
				t.Errorf("%s because of %v", got.Step, got.Err)
			}
			if got.Step == change.StepFinished && (got.Outcome.At != noon || got.Outcome.ResultMessage == "" || got.Change.RequestID != id) {
				t.Errorf("ended as %+v", got)
			}
			if !slices.Equal(test.called, w.carrier.asked) {
				t.Errorf("KOS was called for %v, want %v", w.carrier.asked, test.called)
			}
		})
	}
}

func TestOnlyANewPlanInvalidatesCaches(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		order answer
		err   error
		want  int
	}{
		"applied":                   {done, nil, 1},
		"applied, L2 unavailable":   {done, errors.New("state: store cannot be reached"), 1},
		"to be applied another day": {scheduled, nil, 0},
		"refused":                   {refused, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.carrier.orders, w.caches.err = []answer{test.order}, test.err
			got := w.Process(t.Context(), first)
			if got.Step != change.StepFinished || got.Outcome.Scheduled != test.order.result.Scheduled {
				t.Fatalf("got %+v", got)
			}
			if len(w.caches.forgotten) != test.want {
				t.Errorf("invalidated: %v", w.caches.forgotten)
			}
		})
	}
}
