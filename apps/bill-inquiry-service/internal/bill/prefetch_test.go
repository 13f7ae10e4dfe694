package bill_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// archiveLastMonth puts the line's bill of last month into the archive.
func (b *bench) archiveLastMonth() { b.store(past) }

func TestLoginPrefetches(t *testing.T) {
	t.Parallel()
	onClock(t, 60, func(b *bench) {
		t := b.t
		b.archiveLastMonth()
		for range 2 {
			if err := b.prefetcher.LoggedIn(t.Context(), holder.ID, []msisdn.Number{line}); err != nil {
				t.Fatal(err)
			}
		}
		bubble.Advance(5 * time.Second)
		want := []string{"login enqueued", "login known", "login waiting", "login known", "login fetched"}
		_, outcomes := b.meter.noted()
		if diff := cmp.Diff(want, outcomes); diff != "" {
			t.Error(diff)
		}
		if got, err := b.archive.Find(t.Context(), bill.Subscription{Customer: holder.ID, Line: line}, bill.MonthOf(time.Now())); err != nil || got.Fetched != bill.ReasonLogin {
			t.Errorf("archived %+v, %v", got, err)
		}
	})
}

func TestBackgroundWorkYieldsToInteractive(t *testing.T) {
	t.Parallel()
	onClock(t, 256, func(b *bench) { // 8 at once, one in 242 ms
		t := b.t
		b.archiveLastMonth()
		b.spend()
		if err := b.prefetcher.LoggedIn(t.Context(), holder.ID, []msisdn.Number{line}); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			if _, err := b.ask(i, true); err != nil {
				t.Fatal(err)
			}
		}
		bubble.Advance(2 * time.Second)
		if calls, waiting := b.carrier.calls.Load(), b.queue.Len(); calls != 5 || waiting != 1 {
			t.Errorf("KOS was called %d times, %d wait", calls, waiting)
		}
		bubble.Advance(600 * time.Millisecond) // until half of the burst is available again
		if calls := b.carrier.calls.Load(); calls != 6 {
			t.Errorf("KOS was called %d times", calls)
		}
	})
}

func TestInquiryPromotesAQueuedPrefetch(t *testing.T) {
	t.Parallel()
	onClock(t, 60, func(b *bench) {
		t := b.t
		b.spend()
		for i := range 3 {
			own, _ := number(i)
			if err := b.prefetcher.LoggedIn(t.Context(), holder.ID, []msisdn.Number{own}); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		if _, err := b.ask(2, false); err != nil || time.Since(start) > 2*time.Second {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
	})
}

func TestHotBillIsRefreshedAhead(t *testing.T) {
	t.Parallel()
	onClock(t, 60, func(b *bench) {
		t := b.t
		got := b.carrier.bill
		got.AsOf, got.Fetched = time.Now(), bill.ReasonLogin
		b.cache.bills[query(got.Subscription(), got.Month)] = got
		for _, age := range []time.Duration{10 * time.Minute, 46 * time.Minute, 47 * time.Minute} {
			bubble.Advance(time.Until(got.AsOf.Add(age)))
			if _, err := b.inquire(""); err != nil {
				t.Error(err)
			}
		}
		bubble.Advance(time.Minute)
		want := []string{"login used", "hot enqueued", "login used", "hot fetched", "hot used"}
		_, outcomes := b.meter.noted()
		if diff := cmp.Diff(want, outcomes); diff != "" {
			t.Error(diff)
		}
	})
}

func TestNightlyRefreshObeysItsHoursAndShare(t *testing.T) {
	t.Parallel()
	for hour, want := range map[int]int{1: 0, 2: 1, 4: 1, 5: 0, 14: 0} {
		t.Run(fmt.Sprint(hour), func(t *testing.T) {
			t.Parallel()
			onClock(t, 16, func(b *bench) {
				t := b.t
				bubble.Advance(time.Until(time.Date(2026, 11, 23, hour, 30, 0, 0, bill.Seoul)))
				for i := range 100 {
					own, _ := number(i)
					b.activity.lines = append(b.activity.lines, own)
				}
				b.spend()
				if err := b.prefetcher.Nightly(t.Context(), 16, time.Minute); err != nil || b.activity.calls != want {
					t.Errorf("called %d times, %v", b.activity.calls, err)
				}
				if queued := b.queue.Len(); queued != 8*want {
					t.Errorf("%d lines enqueued", queued)
				}
			})
		})
	}
}

func TestPrefetchingCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	meter := &meter{}
	off := bill.NewPrefetcher(bill.PrefetcherParams{Now: func() time.Time { return noon }, Meter: meter})
	if err := off.RefreshAhead(t.Context(), query(bill.Subscription{Customer: holder.ID, Line: line}, "2026-11")); err != nil {
		t.Error(err)
	}
	if err := off.LoggedIn(t.Context(), holder.ID, []msisdn.Number{line}); err != nil {
		t.Error(err)
	}
	if err := off.Nightly(t.Context(), 96, time.Minute); err != nil {
		t.Error(err)
	}
	for share, ok := range map[float64]bool{0: false, 0.5: true, 1: true, 1.1: false} {
		if err := (&bill.PrefetchPolicy{NightlyShare: share}).Validate(); (err == nil) != ok {
			t.Errorf("a share of %v: %v", share, err)
		}
	}
}
