package bill_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill/billtest"
)

// bench is what one test works on. Nothing sees to what waits in line until
// work is called.
type bench struct {
	t       *testing.T // of a test on a clock of its own
	carrier *carrier
	archive *archive
	cached  *noting
	history *history
	meter   *meter
	line    *billtest.Line
	bills   *bill.Bills
	use     *bill.Inquiries
	fetcher *bill.Fetcher
	ahead   *bill.Prefetcher
	came    chan int64

	known    *knows
	activity *activity
}

func setup(now func() time.Time) *bench { return setupLimited(now, 97) }

// setupLimited has KOS allow so many calls a minute.
func setupLimited(now func() time.Time, perMinute int) *bench {
	b := &bench{
		carrier: &carrier{bill: current, customer: holder}, archive: &archive{}, cached: &noting{}, history: &history{}, meter: &meter{},
		came: make(chan int64, 100), known: &knows{}, activity: &activity{},
	}
	signals := bill.NewSignals()
	b.line = billtest.NewLine(billtest.Options{
		PerMinute: perMinute, Room: 10, Done: signals.Announce,
		Appended: func(r bill.Record) { b.history.Append(context.Background(), r) },
		Came:     func(_ bill.Endpoint, fetchID int64) { b.came <- fetchID },
	})
	var ids atomic.Int32
	newID := func() string { return fmt.Sprintf("request-%d", ids.Add(1)) }
	log := slog.New(slog.DiscardHandler)
	b.bills = bill.NewBills(bill.BillsParams{
		Cache: b.cached, Archive: b.archive, Carrier: b.carrier, Gate: b.line, Queue: b.line, Now: now, NewID: newID, Log: log,
	})
	b.ahead = bill.NewPrefetcher(bill.PrefetcherParams{
		Cache: b.known, Archive: b.archive, Queue: b.line, Activity: b.activity, Meter: b.meter, Log: log, Now: now, NewID: newID,
		Policy: bill.PrefetchPolicy{Login: true, Nightly: true, NightlyShare: 0.5},
	})
	b.use = bill.NewInquiries(bill.InquiriesParams{
		Bills: b.bills, Queue: b.line, Signals: signals, History: b.history, Meter: b.meter, Ahead: b.ahead,
		Window: bill.Window{Months: 6}, Now: now, NewID: newID,
	})
	b.fetcher = bill.NewFetcher(bill.FetcherParams{
		Turns: b.line, Gate: b.line, Source: b.bills, Meter: b.meter, Limit: 10 * time.Minute, Log: log, Now: now,
	})
	return b
}

// work sees to what waits in line until ctx ends, as jobs do.
func (b *bench) work(ctx context.Context) {
	var jobs sync.WaitGroup
	defer jobs.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case fetchID := <-b.came:
			jobs.Go(func() {
				for ctx.Err() == nil {
					sleep, err := b.fetcher.Serve(ctx, bill.BillInquiry, fetchID)
					if err == nil && sleep == 0 {
						return
					}
					select {
					case <-ctx.Done():
					case <-time.After(max(sleep, time.Second)):
					}
				}
			})
		}
	}
}

func always(t time.Time) func() time.Time { return func() time.Time { return t } }
