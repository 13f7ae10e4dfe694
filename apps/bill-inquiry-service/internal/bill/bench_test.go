package bill_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill/billtest"
	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// bench is a service with fake ports, on a fake clock that starts at noon.
type bench struct {
	t          *testing.T
	carrier    *carrier
	archive    *archive
	cache      *memory
	history    *history
	meter      *meter
	queue      *billtest.Queue
	reader     *bill.Reader
	fetcher    *bill.Fetcher
	lines      *bill.Invalidator
	use        *bill.Inquiries
	prefetcher *bill.Prefetcher
	activity   *activity
	closed     atomic.Bool // the budget of product-inquiry is used up
}

// capacity is the capacity of the queue for each class.
const capacity = 10

// onClock runs a test with a rate limit of perMinute for each endpoint.
func onClock(t *testing.T, perMinute int, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		bubble.Advance(time.Until(noon))
		ctx, stop := context.WithCancel(t.Context())
		b := newBench(ctx, perMinute)
		b.t = t
		test(b)
		stop()
		b.queue.Wait()
	})
}

// plenty is a rate limit that no test reaches.
const plenty = 9_600

func newBench(ctx context.Context, perMinute int) *bench {
	b := &bench{
		carrier: &carrier{bill: current, customer: holder}, archive: &archive{}, cache: newMemory(), history: &history{}, meter: &meter{},
		activity: &activity{},
	}
	var ids atomic.Int32
	newID := func() string { return fmt.Sprintf("request-%d", ids.Add(1)) }
	log := slog.New(slog.DiscardHandler)
	b.reader = bill.NewReader(b.cache, b.archive, time.Now, log)
	b.fetcher = bill.NewFetcher(bill.FetcherParams{
		Cache: b.cache, Archive: b.archive, Reader: b.reader, Carrier: b.carrier, Admission: b, Now: time.Now, Log: log,
	})
	b.lines = bill.NewInvalidator(b.cache, b.archive, b.reader, time.Now)
	b.queue = billtest.NewQueue(ctx, billtest.Options{
		PerMinute: perMinute, Capacity: capacity, GiveUpAfter: 10 * time.Minute, Fetch: b.fetcher.Fetch, Now: time.Now,
		Appended: func(r bill.Record) { b.history.Append(context.Background(), r) },
		Ended: func(f bill.Fetch, _ bill.Reply) {
			if f.Reason != "" {
				b.meter.Prefetched(f.Reason, "fetched")
			}
		},
	})
	b.prefetcher = bill.NewPrefetcher(bill.PrefetcherParams{
		Cache: b.cache, Archive: b.archive, Queue: b.queue, Activity: b.activity, Meter: b.meter, Now: time.Now,
		Policy: bill.PrefetchPolicy{Login: true, Nightly: true, NightlyShare: 0.5},
	})
	b.use = bill.NewInquiries(bill.InquiriesParams{
		Reader: b.reader, Queue: b.queue, History: b.history, Meter: b.meter, Prefetcher: b.prefetcher,
		Window: bill.Window{Months: 6}, Now: time.Now, NewID: newID, Log: log,
	})
	return b
}

// Admit implements bill.Admission.
func (b *bench) Admit(context.Context) (bool, error) { return !b.closed.Load(), nil }

// number returns a line of the tests and its user.
func number(i int) (msisdn.Number, bill.Caller) {
	own := msisdn.Number(fmt.Sprintf("0107%07d", i))
	return own, bill.Caller{UserID: fmt.Sprint("user-", i), CustomerID: holder.ID, Lines: []msisdn.Number{own}}
}

// spend uses up the burst.
func (b *bench) spend() { b.queue.Spend() }

// ask inquires about this month's bill of a line of the tests.
func (b *bench) ask(i int, async bool) (bill.Inquiry, error) {
	own, caller := number(i)
	return b.use.Inquire(b.t.Context(), caller, bill.Subject{Line: own}, async)
}

// inquire inquires about the caller's line.
func (b *bench) inquire(month bill.Month) (bill.Inquiry, error) {
	return b.use.Inquire(b.t.Context(), caller, bill.Subject{Line: line, Month: month}, false)
}

// store puts bills into the archive only.
func (b *bench) store(bills ...bill.Bill) {
	b.t.Helper()
	for _, one := range bills {
		if err := b.archive.Store(b.t.Context(), one); err != nil {
			b.t.Fatal(err)
		}
	}
}
