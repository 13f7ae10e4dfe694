package change_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

var (
	done      = answer{result: change.Result{Code: change.OK, Message: "정상 처리"}, found: true}
	refused   = answer{result: change.Result{Code: "2004", Message: "판매 중단"}, found: true}
	scheduled = answer{result: change.Result{Code: change.OK, Scheduled: true}, found: true}
	notFound  = answer{}
)

// TestProcess follows one attempt from what was known before it to what is
// known after it.
func TestProcess(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before   func(w *world)
		orders   []answer
		statuses []answer

		asked []string // of KOS, in order
		rest  time.Duration
		rests []change.Rest // without their ends
		ended change.Status
		steps []change.Step
	}{
		"done": {
			orders: []answer{done}, asked: []string{"order"}, ended: change.Completed,
			steps: []change.Step{change.StepFinished},
		},
		"refused": {
			orders: []answer{refused}, asked: []string{"order"}, ended: change.Failed,
			steps: []change.Step{change.StepFinished},
		},
		"final already": {
			before: func(w *world) { w.place().Status = change.Completed },
			steps:  []change.Step{change.StepNothing},
		},
		"never heard of": {
			before: func(w *world) { delete(w.ledger.changes, id) },
			steps:  []change.Step{change.StepNothing},
		},
		"others before it": {
			before: func(w *world) { w.ledger.ahead, w.ledger.resting = 5, true },
			rest:   5 * time.Second, rests: []change.Rest{{Reason: change.Queued}},
			steps: []change.Step{change.StepQueued},
		},
		"others before it wait for KOS": {
			before: func(w *world) { w.ledger.ahead, w.ledger.reason, w.ledger.resting = 1, change.KOSUnavailable, true },
			rest:   time.Second, rests: []change.Rest{{Reason: change.KOSUnavailable}},
			steps: []change.Step{change.StepQueued},
		},
		"others before it who go at once": {
			before: func(w *world) { w.ledger.ahead, w.ledger.passes = 3, 3 },
			orders: []answer{done}, asked: []string{"order"}, ended: change.Completed,
			steps: []change.Step{change.StepFinished},
		},
		"others before it who were to go at once": {
			before: func(w *world) { w.ledger.ahead, w.ledger.passes = 3, 2 },
			rest:   time.Second, rests: []change.Rest{{Reason: change.Queued}},
			steps: []change.Step{change.StepQueued},
		},
		"very many before it": {
			before: func(w *world) { w.ledger.ahead = 1000 },
			rest:   5 * time.Minute, rests: []change.Rest{{Reason: change.Queued}},
			steps: []change.Step{change.StepQueued},
		},
		"limit used up": {
			before: func(w *world) { w.ledger.limited = 700 * time.Millisecond },
			rest:   700 * time.Millisecond, rests: []change.Rest{{Reason: change.Limit}},
			steps: []change.Step{change.StepLimited},
		},
		"limit used up for a blink": {
			before: func(w *world) { w.ledger.limited = time.Millisecond },
			rest:   20 * time.Millisecond, rests: []change.Rest{{Reason: change.Limit}},
			steps: []change.Step{change.StepLimited},
		},
		"no answer: others may pass, KOS may have it": {
			orders: []answer{{err: errNoAnswer}}, asked: []string{"order"},
			rest: retry, rests: []change.Rest{{Reason: change.KOSUnavailable, Asked: true, Unanswered: 1, Aside: true}},
			steps: []change.Step{change.StepNoAnswer},
		},
		"breaker open: nobody passes, KOS may have it": {
			orders: []answer{{err: breakerOpen}}, asked: []string{"order"},
			rest: retry, rests: []change.Rest{{Reason: change.KOSUnavailable, Asked: true}},
			steps: []change.Step{change.StepNotAsked},
		},
		"KOS busy for a while": {
			orders: []answer{{err: &change.NotAskedError{Reason: change.KOSBusy, After: 20 * time.Second}}}, asked: []string{"order"},
			rest: 20 * time.Second, rests: []change.Rest{{Reason: change.KOSBusy, Asked: true}},
			steps: []change.Step{change.StepNotAsked},
		},
		"KOS busy for an hour": {
			orders: []answer{{err: &change.NotAskedError{Reason: change.KOSBusy, After: time.Hour}}}, asked: []string{"order"},
			rest: time.Minute, rests: []change.Rest{{Reason: change.KOSBusy, Asked: true}},
			steps: []change.Step{change.StepNotAsked},
		},
		"outcome unknown, and KOS did it": {
			before:   func(w *world) { w.place().Asked = true },
			statuses: []answer{done}, asked: []string{"status"}, ended: change.Completed,
			steps: []change.Step{change.StepFinished},
		},
		"outcome unknown, and KOS refused it": {
			before:   func(w *world) { w.place().Asked = true },
			statuses: []answer{refused}, asked: []string{"status"}, ended: change.Failed,
			steps: []change.Step{change.StepFinished},
		},
		"outcome unknown, and KOS never got it": {
			before:   func(w *world) { w.place().Asked = true },
			statuses: []answer{notFound}, orders: []answer{done}, asked: []string{"status", "order"}, ended: change.Completed,
			steps: []change.Step{change.StepFinished},
		},
		"outcome unknown, KOS never got it, and others are before it": {
			before:   func(w *world) { w.place().Asked, w.ledger.ahead, w.ledger.resting = true, 1, true },
			statuses: []answer{notFound}, asked: []string{"status"},
			rest: time.Second, rests: []change.Rest{{Reason: change.Queued}},
			steps: []change.Step{change.StepQueued},
		},
		"outcome unknown and not to be had now: the order is repeated": {
			before:   func(w *world) { w.place().Asked = true },
			statuses: []answer{{err: breakerOpen}}, orders: []answer{done}, asked: []string{"status", "order"}, ended: change.Completed,
			steps: []change.Step{change.StepFinished},
		},
		"outcome unknown and not to be had now, and others are before it": {
			before:   func(w *world) { w.place().Asked, w.ledger.ahead, w.ledger.resting = true, 1, true },
			statuses: []answer{{err: breakerOpen}}, asked: []string{"status"},
			rest: time.Second, rests: []change.Rest{{Reason: change.Queued, Asked: true}},
			steps: []change.Step{change.StepQueued},
		},
		"outcome unknown and no answer, for the fourth time": {
			before:   func(w *world) { w.place().Asked, w.place().Unanswered = true, 3 },
			statuses: []answer{{err: errNoAnswer}}, asked: []string{"status"},
			rest: 24 * time.Second, rests: []change.Rest{{Reason: change.KOSUnavailable, Asked: true, Unanswered: 4, Aside: true}},
			steps: []change.Step{change.StepNoAnswer},
		},
		"no answer for ever": {
			before:   func(w *world) { w.place().Asked, w.place().Unanswered = true, 1000 },
			statuses: []answer{{err: errNoAnswer}}, asked: []string{"status"},
			rest: time.Minute, rests: []change.Rest{{Reason: change.KOSUnavailable, Asked: true, Unanswered: 1001, Aside: true}},
			steps: []change.Step{change.StepNoAnswer},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.carrier.orders, w.carrier.statuses = test.orders, test.statuses
			if test.before != nil {
				test.before(w)
			}
			rest, err := w.Process(t.Context(), id)
			if err != nil || rest != test.rest {
				t.Errorf("rests %s, %v; want %s", rest, err, test.rest)
			}
			for i := range w.ledger.rests {
				if until := w.ledger.rests[i].Until; !until.Equal(noon.Add(rest)) {
					t.Errorf("rests until %s", until)
				}
				w.ledger.rests[i].Until = time.Time{}
			}
			if diff := cmp.Diff(test.rests, w.ledger.rests); diff != "" {
				t.Errorf("rests (-want +got):\n%s", diff)
			}
			if !slices.Equal(test.asked, w.carrier.asked) {
				t.Errorf("KOS was asked for %v, want %v", w.carrier.asked, test.asked)
			}
			if !slices.Equal(test.steps, w.meter.steps) {
				t.Errorf("steps %v, want %v", w.meter.steps, test.steps)
			}
			if test.ended != "" && (len(w.ledger.ended) != 1 || w.ledger.ended[0].Status != test.ended || len(w.meter.finished) != 1) {
				t.Errorf("ended %+v, counted %v; want %s", w.ledger.ended, w.meter.finished, test.ended)
			}
		})
	}
}

func TestOnlyANewPlanEmptiesTheCaches(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		order answer
		err   error
		want  int
	}{
		"applied":                   {done, nil, 1},
		"applied, cache is away":    {done, errors.New("state: store cannot be reached"), 1},
		"to be applied another day": {scheduled, nil, 0},
		"refused":                   {refused, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.carrier.orders, w.caches.err = []answer{test.order}, test.err
			if rest, err := w.Process(t.Context(), id); rest != 0 || err != nil {
				t.Fatalf("%s, %v", rest, err)
			}
			if len(w.caches.forgotten) != test.want {
				t.Errorf("forgotten: %v", w.caches.forgotten)
			}
			if !w.place().Status.Final() {
				t.Errorf("not final: %+v", w.place())
			}
		})
	}
}

func TestWhoWaitsIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.carrier.orders = []answer{done}
	final, leave := w.outcomes.Await(id)
	defer leave()
	if _, err := w.Process(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	select {
	case <-final:
	default:
		t.Error("not told")
	}
}

// The database fails at each step, once: whatever was half done, the change
// ends once and KOS gets no second order.
func TestFaultsOfOursLoseNothing(t *testing.T) {
	t.Parallel()
	t.Run("before KOS", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.carrier.orders = []answer{done}
		w.ledger.fault = errDatabase
		if _, err := w.Process(t.Context(), id); !errors.Is(err, errDatabase) {
			t.Fatalf("got %v", err)
		}
		if rest, err := w.Process(t.Context(), id); rest != 0 || err != nil || len(w.ledger.ended) != 1 {
			t.Errorf("%s, %v: %+v", rest, err, w.ledger.ended)
		}
	})
	t.Run("after KOS", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.carrier.orders, w.carrier.statuses = []answer{done}, []answer{done}
		failing := &failingCaches{ledger: w.ledger}
		processor := change.NewProcessor(change.ProcessorParams{
			Queue: w.ledger, Carrier: w.carrier, Lines: failing, Outcomes: w.outcomes, Meter: w.meter,
			Log: discard, Now: func() time.Time { return noon },
		})
		if _, err := processor.Process(t.Context(), id); !errors.Is(err, errDatabase) {
			t.Fatalf("got %v", err)
		}
		if rest, err := w.Process(t.Context(), id); rest != 0 || err != nil || len(w.ledger.ended) != 1 {
			t.Errorf("%s, %v: %+v", rest, err, w.ledger.ended)
		}
		if want := []string{"order", "status"}; !slices.Equal(w.carrier.asked, want) {
			t.Errorf("KOS was asked for %v, want %v", w.carrier.asked, want)
		}
	})
}

// failingCaches makes the database fail right before a change is ended.
type failingCaches struct{ ledger *ledger }

func (*failingCaches) Holds(context.Context, product.Subscription) error { return nil }

func (f *failingCaches) Invalidate(context.Context, product.Subscription) error {
	f.ledger.fault = errDatabase
	return nil
}

// A stop that cuts an attempt short leaves what is known behind, and says that
// the attempt is not over.
func TestAStopHandsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.carrier.orders = []answer{{err: errNoAnswer}}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if rest, err := w.Process(ctx, id); rest != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%s, %v", rest, err)
	}
	if !w.place().Asked {
		t.Error("nobody knows that KOS may have the order")
	}
}

// An answer that comes while we are stopped is still written down.
func TestAStopDoesNotLoseAnAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.carrier.orders = []answer{done}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if rest, err := w.Process(ctx, id); rest != 0 || err != nil || w.place().Status != change.Completed {
		t.Errorf("%s, %v: %+v", rest, err, w.place())
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	tests := map[string]struct {
		age      time.Duration
		askedAgo time.Duration // 0: never
		statuses []answer
		orders   []answer
		ended    change.Status
		code     string
		rest     time.Duration
	}{
		"nearly a day old":                       {age: day - time.Minute, orders: []answer{done}, ended: change.Completed, code: change.OK},
		"never asked":                            {age: day + time.Minute, ended: change.Failed, code: "EXPIRED"},
		"asked, and KOS did it":                  {age: day + time.Minute, askedAgo: time.Hour, statuses: []answer{done}, ended: change.Completed, code: change.OK},
		"asked, and KOS refused it":              {age: day + time.Minute, askedAgo: time.Hour, statuses: []answer{refused}, ended: change.Failed, code: "2004"},
		"asked, and KOS never got it":            {age: day + time.Minute, askedAgo: time.Hour, statuses: []answer{notFound}, ended: change.Failed, code: "EXPIRED"},
		"asked just now, and KOS may yet get it": {age: day + time.Minute, askedAgo: time.Minute, statuses: []answer{notFound}, rest: time.Minute},
		"asked, and KOS does not say":            {age: day + time.Minute, askedAgo: time.Hour, statuses: []answer{{err: errNoAnswer}}, rest: retry},
		"asked, and KOS cannot be asked":         {age: 30 * day, askedAgo: time.Hour, statuses: []answer{{err: breakerOpen}}, rest: retry},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.carrier.orders, w.carrier.statuses = test.orders, test.statuses
			w.place().RequestedAt = noon.Add(-test.age)
			if test.askedAgo > 0 {
				w.place().AskedAt = noon.Add(-test.askedAgo)
			}
			rest, err := w.Process(t.Context(), id)
			if err != nil || rest != test.rest {
				t.Errorf("rests %s, %v; want %s", rest, err, test.rest)
			}
			if test.rest > 0 {
				if r := w.ledger.rests[0]; !r.Aside || !r.Asked || len(w.ledger.ended) != 0 {
					t.Errorf("rests as %+v, ended %+v", r, w.ledger.ended)
				}
				return
			}
			if got := w.place(); got.Status != test.ended || got.ResultCode != test.code || got.ResultMessage == "" && test.code == "EXPIRED" {
				t.Errorf("got %+v", got)
			}
		})
	}
}
