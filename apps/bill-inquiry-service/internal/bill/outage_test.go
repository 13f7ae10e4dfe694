package bill_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

func TestStaleCopyIsReturnedWithinTheSoftTimeout(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(b *bench){
		"KOS is slow":        func(b *bench) { b.carrier.delay = 5 * time.Second },
		"the limit is spent": func(b *bench) { b.spend() },
		"KOS is out":         func(b *bench) { b.carrier.set(errOutage) },
		"an outage is known": func(b *bench) { b.queue.SetOutage(3 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, 8, func(b *bench) {
				t := b.t
				old := b.carrier.bill
				old.Line, old.AsOf = line, time.Now()
				b.store(old)
				bubble.Advance(time.Hour)
				trouble(b)
				start := time.Now()
				got, err := b.use.Inquire(t.Context(), caller, bill.Subject{Line: line}, false)
				if err != nil || !got.Bill.Stale || got.Bill.AsOf != old.AsOf || time.Since(start) > time.Second {
					t.Errorf("after %s: %+v, %v", time.Since(start), got.Bill, err)
				}
				answers, _ := b.meter.noted()
				if diff := cmp.Diff([]bill.Answer{bill.Stale}, answers); diff != "" {
					t.Error(diff)
				}
				bubble.Advance(time.Minute)
				if calls := b.carrier.calls.Load(); calls == 0 && name != "an outage is known" {
					t.Error("the fetch was not dispatched")
				}
			})
		})
	}
}

func TestKnownOutageIsAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	onClock(t, 97, func(b *bench) {
		t := b.t
		b.carrier.set(errBreaker)
		for i := range 50 {
			start := time.Now()
			_, err := b.ask(i, false)
			if problem.From(err).Code != "KOS_UNAVAILABLE" || time.Since(start) > 50*time.Millisecond {
				t.Errorf("got %v after %s", err, time.Since(start))
			}
		}
		if calls := b.carrier.calls.Load(); calls != 1 {
			t.Errorf("KOS was called %d times", calls)
		}
	})
}

func TestUnansweredLineDelaysNoOther(t *testing.T) {
	t.Parallel()
	onClock(t, 60, func(b *bench) {
		t := b.t
		bad, badOwner := number(0)
		b.carrier.bad = bad
		b.spend()
		if _, err := b.use.Inquire(t.Context(), badOwner, bill.Subject{Line: bad}, true); err != nil {
			t.Fatal(err)
		}
		for i := 1; i < 6; i++ {
			if _, err := b.ask(i, true); err != nil {
				t.Fatal(err)
			}
		}
		bubble.Advance(15 * time.Second)
		if waiting := b.queue.Len(); waiting != 1 {
			t.Errorf("%d fetches are still queued", waiting)
		}
		bubble.Advance(15 * time.Minute)
		got, err := b.use.Result(t.Context(), badOwner, "request-1")
		if err != nil || got.Record.Status != bill.Failed || b.queue.Len() != 0 {
			t.Errorf("in the end: %+v, %v", got.Record, err)
		}
	})
}

func TestQueuedInquiriesOutliveAnOutage(t *testing.T) {
	t.Parallel()
	onClock(t, 60, func(b *bench) {
		t := b.t
		b.spend()
		for i := range 3 {
			if _, err := b.ask(i, true); err != nil {
				t.Fatal(err)
			}
		}
		b.carrier.set(errBreaker)
		bubble.Advance(5 * time.Minute)
		if b.queue.Len() != 3 || b.carrier.calls.Load() > 3*101 {
			t.Errorf("%d wait, KOS was called %d times", b.queue.Len(), b.carrier.calls.Load())
		}
		b.carrier.set(nil)
		bubble.Advance(10 * time.Second)
		if b.queue.Len() != 0 {
			t.Errorf("%d still wait", b.queue.Len())
		}
	})
}

func TestRefusalOfKOSEndsTheWait(t *testing.T) {
	t.Parallel()
	onClock(t, 60, func(b *bench) {
		t := b.t
		b.spend()
		b.carrier.billErr = bill.ErrNoBill
		if _, err := b.ask(1, false); !errors.Is(err, bill.ErrNoBill) {
			t.Errorf("got %v", err)
		}
	})
}

func TestThrottledInquiryWaitsForTheBudget(t *testing.T) {
	t.Parallel()
	onClock(t, 60, func(b *bench) {
		t := b.t
		b.carrier.set(fmt.Errorf("kos: %w", bill.ErrThrottled))
		time.AfterFunc(2*time.Second, func() { b.carrier.set(nil) })
		if got, err := b.ask(1, false); err != nil || got.Bill.Line == "" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// TestStaleCopyIsServedFromMemory shows that, while KOS is slow, repeated inquiries for
// one bill cost one queued refresh and few reads of the stores.
func TestStaleCopyIsServedFromMemory(t *testing.T) {
	t.Parallel()
	onClock(t, 60, func(b *bench) {
		t := b.t
		b.carrier.delay = 5 * time.Second
		old := current
		old.AsOf = time.Now().Add(-time.Hour)
		b.store(old)
		for i := range 100 {
			start := time.Now()
			got, err := b.inquire("")
			if took := time.Since(start); err != nil || !got.Bill.Stale || i > 0 && took > 0 {
				t.Fatalf("inquiry %d: %+v, %v after %s", i, got.Bill, err, took)
			}
		}
		if reads := b.archive.readCount(); reads > 2 {
			t.Errorf("the archive was read %d times", reads)
		}
		bubble.Advance(5 * time.Second)
		if got, err := b.inquire(""); err != nil || got.Bill.Stale || b.carrier.calls.Load() != 1 {
			t.Errorf("then: %+v, %v, KOS was called %d times", got.Bill, err, b.carrier.calls.Load())
		}
	})
}
