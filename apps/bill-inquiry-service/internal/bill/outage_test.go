package bill_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

func TestNobodyWaitsLongWhereAnOlderAnswerExists(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(b *bench){
		"KOS is slow":        func(b *bench) { b.carrier.delay = 5 * time.Second },
		"the limit is spent": func(b *bench) { b.spend(b.t) },
		"KOS is away":        func(b *bench) { b.carrier.set(errOutage) },
		"KOS rests": func(b *bench) {
			if err := b.line.Rest(b.t.Context(), bill.BillInquiry, 3*time.Second); err != nil {
				b.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, 8, func(b *bench) {
				t := b.t
				old := b.carrier.bill
				old.Line, old.AsOf = line, time.Now()
				if err := b.archive.Keep(t.Context(), old); err != nil {
					t.Fatal(err)
				}
				pass(time.Hour)
				trouble(b)
				start := time.Now()
				got, err := b.use.Inquire(t.Context(), asker, bill.Subject{Line: line}, false)
				if err != nil || !got.Bill.Stale || got.Bill.AsOf != old.AsOf || time.Since(start) > time.Second {
					t.Errorf("after %s: %+v, %v", time.Since(start), got.Bill, err)
				}
				answers, _ := b.meter.told()
				if diff := cmp.Diff([]bill.Answer{bill.Stale}, answers); diff != "" {
					t.Error(diff)
				}
				pass(time.Minute)
				if asked := b.carrier.calls.Load(); asked == 0 && name != "KOS rests" {
					t.Error("the fetch did not go on")
				}
			})
		})
	}
}

func TestAnOutageIsToldAtOnce(t *testing.T) {
	t.Parallel()
	onClock(t, 97, func(b *bench) {
		t := b.t
		b.carrier.set(errBreaker)
		for i := range 50 {
			start := time.Now()
			_, err := b.inquire(t, i, false)
			if problem.From(err).Code != "KOS_UNAVAILABLE" && !errors.Is(err, bill.ErrUnavailable) || time.Since(start) > 50*time.Millisecond {
				t.Errorf("got %v after %s", err, time.Since(start))
			}
		}
		if asked := b.carrier.calls.Load(); asked != 1 {
			t.Errorf("KOS was asked for %d times", asked)
		}
	})
}

func TestOneLineThatKOSDoesNotAnswerDelaysNobody(t *testing.T) {
	t.Parallel()
	onClock(t, 60, func(b *bench) {
		t := b.t
		bad, badOwner := number(0)
		b.carrier.bad = bad
		b.spend(t)
		if _, err := b.use.Inquire(t.Context(), badOwner, bill.Subject{Line: bad}, true); err != nil {
			t.Fatal(err)
		}
		for i := 1; i < 6; i++ {
			if _, err := b.inquire(t, i, true); err != nil {
				t.Fatal(err)
			}
		}
		pass(15 * time.Second)
		if waiting := b.line.Len(); waiting != 1 {
			t.Errorf("%d questions still wait", waiting)
		}
		pass(15 * time.Minute)
		got, err := b.use.Result(t.Context(), badOwner, "request-1")
		if err != nil || got.Record.Status != bill.Failed || b.line.Len() != 0 {
			t.Errorf("in the end: %+v, %v", got.Record, err)
		}
	})
}

func TestWhatWaitsOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	onClock(t, 60, func(b *bench) {
		t := b.t
		b.spend(t)
		for i := range 3 {
			if _, err := b.inquire(t, i, true); err != nil {
				t.Fatal(err)
			}
		}
		b.carrier.set(errBreaker)
		pass(5 * time.Minute)
		if b.line.Len() != 3 || b.carrier.calls.Load() > 3*101 {
			t.Errorf("%d wait, KOS was asked for %d times", b.line.Len(), b.carrier.calls.Load())
		}
		b.carrier.set(nil)
		pass(10 * time.Second)
		if b.line.Len() != 0 {
			t.Errorf("%d still wait", b.line.Len())
		}
	})
}

func TestKOSsNoIsAnAnswerToWhoWaits(t *testing.T) {
	t.Parallel()
	onClock(t, 60, func(b *bench) {
		t := b.t
		b.spend(t)
		b.carrier.set(bill.ErrNoBill)
		if _, err := b.inquire(t, 1, false); !errors.Is(err, bill.ErrNoBill) {
			t.Errorf("got %v", err)
		}
		_, outcomes := b.meter.told()
		if diff := cmp.Diff([]string{"interactive answered"}, outcomes); diff != "" {
			t.Error(diff)
		}
	})
}

func TestABudgetThatKOSHasLoweredIsWaitedFor(t *testing.T) {
	t.Parallel()
	onClock(t, 60, func(b *bench) {
		t := b.t
		b.carrier.set(fmt.Errorf("kos: %w", bill.ErrMustWait))
		time.AfterFunc(2*time.Second, func() { b.carrier.set(nil) })
		if got, err := b.inquire(t, 1, false); err != nil || got.Bill.Line == "" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}
