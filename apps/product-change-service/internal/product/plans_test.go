package product_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

func TestAnUnknownLineIsNoOutage(t *testing.T) {
	t.Parallel()
	w := newWorld()
	kept := holder(premium)
	w.archive.holder = &kept
	w.kos.err = product.ErrUnknownLine
	if _, err := w.subscriber(t, own); !errors.Is(err, product.ErrUnknownLine) {
		t.Errorf("got %v", err)
	}
}

func TestFailedArchiveDoesNotFailReads(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.archive.err = errors.New("connection refused")
	if got, err := w.subscriber(t, own); err != nil || got.Product.Code != premium.Code {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := w.Catalogue(t.Context(), product.Wait{}); err != nil {
		t.Error(err)
	}
}

// An answer of KOS from before a change must not be archived after it.
func TestAnswerFromBeforeAChangeIsNotArchived(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.kos.slow = time.Second
		go func() {
			bubble.Advance(500 * time.Millisecond)
			if err := w.Changed(t.Context(), own); err != nil {
				t.Error(err)
			}
		}()
		if _, err := w.subscriber(t, own); err != nil {
			t.Error(err)
		}
		if w.archive.holder != nil {
			t.Errorf("kept: %+v", w.archive.holder)
		}
	})
}

// An answer of KOS from before a change must not be shown after it either. L2 has a
// tombstone, so that only this process could keep the answer.
func TestAnswerFromBeforeAChangeIsNotShownAfterIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.cache.off, w.kos.slow = true, time.Second
		go func() {
			bubble.Advance(500 * time.Millisecond)
			w.kos.set(func() { w.kos.holder = holder(basic) })
			if err := w.Changed(t.Context(), own); err != nil {
				t.Error(err)
			}
		}()
		if _, err := w.subscriber(t, own); err != nil && !errors.Is(err, product.ErrUnavailable) {
			t.Error(err)
		}
		if got, err := w.subscriber(t, own); err != nil || got.Product.Code != basic.Code {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestFreshReadsShareOneCallUntilTheLineChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.kos.slow = time.Second
		ask := func(want string) func() {
			return func() {
				got, err := w.FreshSubscriber(context.Background(), own)
				if err != nil || got.Product.Code != want {
					t.Errorf("%+v, %v; want %s", got, err, want)
				}
			}
		}
		var group sync.WaitGroup
		for range 100 {
			group.Go(ask(premium.Code))
		}
		bubble.Advance(500 * time.Millisecond)
		w.kos.set(func() { w.kos.holder = holder(basic) })
		w.Evict(line)
		for range 100 {
			group.Go(ask(basic.Code))
		}
		group.Wait()
		if w.kos.asked != 2 {
			t.Errorf("KOS was called %d times", w.kos.asked)
		}
	})
}

// Beyond the line limit the answers of the calls before are used.
func TestFreshReadBeyondTheLineLimitUsesTheLastAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.lineLimit.left.Store(1)
	for range 20 {
		if got, err := w.FreshSubscriber(t.Context(), own); err != nil || got.Stale || got.Product.Code != premium.Code {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if w.kos.asked != 1 || w.lines.enqueued != 0 {
		t.Errorf("KOS was called %d times, %d fetches", w.kos.asked, w.lines.enqueued)
	}
}

// A client that repeats pre-checks must not spend the rate limit that others need.
func TestFreshReadIsCachedBeyondTheLineLimit(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.lineLimit.left.Store(3)
	known := holder(basic)
	known.AsOf = time.Now()
	w.cache.lines[own] = known
	for n := range 50 {
		want := premium.Code // the answer of KOS
		if n >= 3 {
			want = basic.Code
		}
		if got, err := w.FreshSubscriber(t.Context(), own); err != nil || got.Product.Code != want {
			t.Errorf("read %d: %+v, %v; want %s", n+1, got, err, want)
		}
	}
	if w.kos.asked != 3 {
		t.Errorf("KOS was called %d times", w.kos.asked)
	}
}

// While KOS is out, fresh reads fail, also beyond the line limit.
func TestFreshReadIsNeverStale(t *testing.T) {
	t.Parallel()
	w := newWorld()
	kept := holder(premium)
	w.archive.holder, w.kos.err = &kept, errAway
	w.lineLimit.left.Store(1)
	for range 3 {
		if got, err := w.FreshSubscriber(t.Context(), own); !errors.Is(err, product.ErrUnavailable) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// Beyond the line limit a stale copy does not end the wait for KOS: the caller cannot use
// one.
func TestFreshReadBeyondTheLineLimitWaitsForKOS(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		kept := holder(basic)
		w.archive.holder, w.kos.slow = &kept, 5*time.Second
		w.lineLimit.left.Store(0)
		start := time.Now()
		got, err := w.FreshSubscriber(t.Context(), own)
		if err != nil || got.Stale || got.Product.Code != premium.Code || time.Since(start) != 5*time.Second {
			t.Errorf("after %s: %+v, %v", time.Since(start), got, err)
		}
	})
}

// A shared call goes on when its first caller leaves.
func TestFreshReadOutlivesItsFirstCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.kos.slow = time.Second
		ctx, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer leave()
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := w.FreshSubscriber(ctx, own); !errors.Is(err, product.ErrUnavailable) {
				t.Errorf("the caller that left: %v", err)
			}
		})
		synctest.Wait()
		group.Go(func() {
			if _, err := w.FreshSubscriber(context.Background(), own); err != nil {
				t.Errorf("the caller that stayed: %v", err)
			}
		})
		group.Wait()
	})
}

func TestChangedInvalidatesEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.cache.err = errors.New("state: store cannot be reached")
	if err := w.Changed(t.Context(), own); !errors.Is(err, w.cache.err) {
		t.Errorf("the error is not returned: %v", err)
	}
	if w.archive.invalidations != 1 {
		t.Error("the replicas are not notified when L2 fails")
	}
	w.Evict(line)
	w.Listening(true)
	want := []string{"all of 010-****-5678", "here 010-****-5678", "listening true"}
	if diff := cmp.Diff(want, w.cache.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestOffersExcludeTheCurrentPlan(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		current, operator string
		want              []product.Product
		err               error
	}{
		"own plan":                   {"", "", []product.Product{basic}, nil},
		"the plan named":             {basic.Code, "", []product.Product{premium}, nil},
		"another operator's":         {"", "LGU", []product.Product{elsewhere}, nil},
		"a discontinued plan":        {old.Code, "", []product.Product{premium, basic}, nil},
		"a plan that does not exist": {"NONE", "", nil, product.ErrUnknownProduct},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := newWorld().Offers(t.Context(), own, test.current, test.operator, product.Wait{})
			if diff := cmp.Diff(test.want, got.Products); diff != "" || !errors.Is(err, test.err) {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// A pre-check uses what is known of the line. Before it reports a failure, it calls KOS.
func TestPreCheckCallsKOSBeforeItFailsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld()
	known := holder(premium)
	known.AsOf = time.Now()
	w.cache.lines[own], w.kos.holder = known, holder(basic)
	got, err := w.PreCheck(t.Context(), own, premium.Code, basic.Code)
	if err != nil || !got.Passed() || w.kos.asked != 0 {
		t.Errorf("known: %+v, %v, KOS was called %d times", got, err, w.kos.asked)
	}
	got, err = w.PreCheck(t.Context(), own, basic.Code, premium.Code)
	if err != nil || !got.Passed() || w.kos.asked != 1 {
		t.Errorf("changed at KOS: %+v, %v, KOS was called %d times", got, err, w.kos.asked)
	}
	w.kos.err = errAway
	got, err = w.PreCheck(t.Context(), own, basic.Code, premium.Code)
	if err != nil || got.Passed() {
		t.Errorf("while KOS is out: %+v, %v", got, err)
	}
}

func TestInspectCallsKOSEachTime(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for want := 1; want <= 2; want++ {
		got, err := w.Inspect(t.Context(), own, premium.Code, basic.Code)
		if err != nil || !got.Passed() || w.kos.asked != want {
			t.Errorf("%+v, %v, asked %d times", got, err, w.kos.asked)
		}
	}
}
