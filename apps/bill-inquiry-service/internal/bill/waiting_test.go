package bill_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

func TestInquiryContinuesAfterTheClientsWait(t *testing.T) {
	t.Parallel()
	onClock(t, 97, func(b *bench) {
		t := b.t
		b.carrier.delay = 9 * time.Second
		start := time.Now()
		_, err := b.ask(1, false)
		if !errors.Is(err, bill.ErrInProgress) || time.Since(start) >= 8*time.Second {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
		bubble.Advance(time.Minute)
		if diff := cmp.Diff([]bill.Status{bill.Processing, bill.Completed}, b.history.statuses()); diff != "" {
			t.Errorf("on record at the end: %s", diff)
		}
	})
}

func TestQueuedInquiriesAreAnsweredAtTheRateLimit(t *testing.T) {
	t.Parallel()
	onClock(t, 480, func(b *bench) { // 15 at once, then 8 a second
		t := b.t
		b.spend()
		var clients sync.WaitGroup
		for i := range 10 {
			clients.Go(func() {
				got, err := b.ask(i, false)
				if err != nil || got.Record.Status != bill.Completed || got.Bill.Line == "" {
					t.Errorf("got %+v, %v", got, err)
				}
			})
		}
		start := time.Now()
		clients.Wait()
		if took := time.Since(start); took < time.Second || took > 3*time.Second {
			t.Errorf("all were answered after %s", took)
		}
	})
}

func TestRetryAfterIsTheEstimate(t *testing.T) {
	t.Parallel()
	onClock(t, 4, func(b *bench) { // one at a time, one in 20 s
		t := b.t
		b.spend()
		var last time.Duration
		for i := range 3 {
			_, err := b.ask(i, false)
			after := problem.From(err).RetryAfter
			if !errors.Is(err, bill.ErrInProgress) || after <= last {
				t.Errorf("inquiry %d: %v, retry after %s", i, err, after)
			}
			last = after
		}
		bubble.Advance(last)
		if got, err := b.ask(2, false); err != nil || got.Bill.Line == "" {
			t.Errorf("after that: %+v, %v", got, err)
		}
	})
}

// TestPreferWaitBoundsTheWait uses the preference wait of RFC 7240, alone and with
// respond-async.
func TestPreferWaitBoundsTheWait(t *testing.T) {
	t.Parallel()
	onClock(t, 4, func(b *bench) { // one at a time, one in 20 s
		t := b.t
		b.spend()
		for i, c := range []struct {
			wait, took time.Duration
			async      bool
		}{
			{0, 0, false}, {2 * time.Second, 2 * time.Second, false}, {time.Hour, 7 * time.Second, false},
			{0, 0, true}, {2 * time.Second, 2 * time.Second, true}, {time.Hour, 7 * time.Second, true},
		} {
			own, caller := number(i)
			caller.Wait = &c.wait
			start := time.Now()
			got, err := b.use.Inquire(t.Context(), caller, bill.Subject{Line: own}, c.async)
			took := time.Since(start)
			if took < c.took || took > c.took+300*time.Millisecond { // asyncWait
				t.Errorf("%+v: took %s", c, took)
			}
			if accepted := err == nil && got.Record.Status == bill.Processing; accepted != c.async || !c.async && !errors.Is(err, bill.ErrInProgress) {
				t.Errorf("%+v: got %+v, %v", c, got.Record, err)
			}
		}
	})
}

func TestFullQueueRefusesInquiries(t *testing.T) {
	t.Parallel()
	onClock(t, 1, func(b *bench) {
		t := b.t
		b.spend()
		for i := range capacity { // the queue's capacity
			if _, err := b.ask(i, true); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		if _, err := b.ask(10, false); !errors.Is(err, bill.ErrQueueFull) || time.Since(start) > 0 {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
		if _, err := b.ask(3, true); err != nil {
			t.Errorf("an inquiry that joins a queued fetch: %v", err)
		}
	})
}

func TestAsynchronousInquiryShowsProgress(t *testing.T) {
	t.Parallel()
	onClock(t, 12, func(b *bench) { // one at a time, one in 5.45 s
		t := b.t
		b.spend()
		var standing bill.Standing
		for i := range 5 {
			got, err := b.ask(i, true)
			if err != nil || got.Record.Status != bill.Processing {
				t.Fatalf("got %+v, %v", got, err)
			}
			standing = got.Standing
		}
		if standing.Ahead != 4 || standing.Estimate < 20*time.Second || standing.Estimate > 30*time.Second {
			t.Errorf("the last stands at %+v", standing)
		}
		_, owner := number(4)
		last := 0
		for {
			got, err := b.use.Result(t.Context(), owner, "request-5")
			if err != nil {
				t.Fatal(err)
			}
			if got.Record.Status == bill.Completed {
				if got.Bill.Line == "" {
					t.Error("completed without a bill")
				}
				break
			}
			if got.Standing.Progress() < last || got.Standing.Progress() >= 100 {
				t.Errorf("progress went from %d to %d", last, got.Standing.Progress())
			}
			last = got.Standing.Progress()
			bubble.Advance(time.Second)
		}
		if last < 50 {
			t.Errorf("the last progress shown was %d", last)
		}
	})
}

// The second fetch was enqueued too late to join the first, such as on a busy machine.
func TestFetchOfAFreshBillDoesNotCallKOS(t *testing.T) {
	t.Parallel()
	onClock(t, 60, func(b *bench) {
		t := b.t
		own := query(bill.Subscription{Customer: holder.ID, Line: line}, "2026-11")
		fetch := func(enqueue func() error) int32 {
			before := b.carrier.calls.Load()
			if err := enqueue(); err != nil {
				t.Fatal(err)
			}
			bubble.Advance(4 * time.Second)
			return b.carrier.calls.Load() - before
		}
		interactive := func() error {
			_, err := b.queue.Enqueue(t.Context(), own)
			return err
		}
		if calls := fetch(interactive); calls != 1 {
			t.Errorf("the first fetch made %d calls", calls)
		}
		if calls := fetch(interactive); calls != 0 {
			t.Errorf("a fetch of a fresh answer made %d calls", calls)
		}
		if calls := fetch(func() error { return b.queue.EnqueueAhead(t.Context(), own) }); calls != 1 {
			t.Errorf("a refresh in the background made %d calls", calls)
		}
	})
}
