package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill/billtest"
	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// perMinute is the budget of each endpoint of KOS.
const perMinute = 97

// world is the service with fakes of its dependencies.
type world struct {
	kos        *kos
	archive    *archive
	cache      *cache
	queue      *billtest.Queue
	use        *bill.Inquiries
	prefetcher *bill.Prefetcher
}

func newWorld(ctx context.Context, policy bill.PrefetchPolicy, random *rand.Rand) *world {
	w := &world{
		kos:     &kos{random: random},
		archive: &archive{bills: map[bill.Subject]bill.Bill{}},
		cache:   &cache{bills: map[bill.Subject]held{}},
	}
	ids, log, history := &ids{}, slog.New(slog.DiscardHandler), &history{records: map[string]bill.Record{}}
	reader := bill.NewReader(w.cache, w.archive, time.Now, log)
	fetcher := bill.NewFetcher(bill.FetcherParams{
		Cache: w.cache, Archive: w.archive, Reader: reader, Carrier: w.kos, Admission: w.kos, Now: time.Now, Log: log,
	})
	w.queue = billtest.NewQueue(ctx, billtest.Options{
		PerMinute: perMinute, Capacity: 2000, GiveUpAfter: 10 * time.Minute, Fetch: fetcher.Fetch, Appended: history.append, Now: time.Now,
	})
	w.prefetcher = bill.NewPrefetcher(bill.PrefetcherParams{
		Cache: w.cache, Archive: w.archive, Queue: w.queue, Activity: history.activity(w.archive), Meter: silent{}, Policy: policy,
		Now: time.Now,
	})
	w.use = bill.NewInquiries(bill.InquiriesParams{
		Reader: reader, Queue: w.queue, History: history, Meter: silent{}, Prefetcher: w.prefetcher,
		Window: bill.Window{Months: 6}, Now: time.Now, NewID: ids.next, Log: log,
	})
	return w
}

// silent counts nothing.
type silent struct{}

func (silent) Answered(bill.Answer)      {}
func (silent) Prefetched(string, string) {}

type ids struct {
	mu   sync.Mutex
	last int
}

func (i *ids) next() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last++
	return fmt.Sprint("request-", i.last)
}

// kos answers by the rules of product.md, and records its calls.
type kos struct {
	mu     sync.Mutex
	random *rand.Rand
	at     []time.Time
}

var errFault = fmt.Errorf("kos: %w", bill.ErrUnavailable)

// answer takes the time of a call, and returns a fault in 0.5 % of the calls.
func (k *kos) answer() error {
	k.mu.Lock()
	k.at = append(k.at, time.Now())
	took, fault := 200+k.random.IntN(300), k.random.Float64() < 0.005
	k.mu.Unlock()
	bubble.Advance(time.Duration(took) * time.Millisecond)
	if fault {
		return errFault
	}
	return nil
}

// holder is the customer of every line. No line moves.
var holder = bill.Customer{ID: "CUST001"}

func (k *kos) Bill(_ context.Context, _ string, line msisdn.Number, month bill.Month) (bill.Bill, error) {
	start := time.Now()
	return bill.Bill{Line: line, Month: month, Customer: holder, AsOf: start, Final: month < bill.MonthOf(start)}, k.answer()
}

// Customer is not called: KOS refuses no bill.
func (*kos) Customer(context.Context, string, msisdn.Number) (bill.Customer, error) {
	return holder, nil
}

// Admit implements bill.Admission.
func (*kos) Admit(context.Context) (bool, error) { return true, nil }

// calls returns the number of calls.
func (k *kos) calls() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.at)
}

// most returns the most calls within any 60 s.
func (k *kos) most() (most int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	first := 0
	for last := range k.at {
		for k.at[last].Sub(k.at[first]) >= time.Minute {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

// archive is an in-memory archive.
type archive struct {
	mu    sync.Mutex
	bills map[bill.Subject]bill.Bill
}

func (a *archive) Find(_ context.Context, s bill.Subscription, month bill.Month) (bill.Bill, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, ok := a.bills[bill.Subject{Line: s.Line, Month: month}]; ok {
		return found, nil
	}
	return bill.Bill{}, bill.ErrNotArchived
}

func (a *archive) Store(_ context.Context, b bill.Bill) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bills[bill.Subject{Line: b.Line, Month: b.Month}] = b
	return nil
}

func (*archive) Invalidate(context.Context, msisdn.Number, bill.Month, time.Time) error {
	return errors.New("no plan changes here")
}

func (*archive) RecordMove(context.Context, bill.Subscription, time.Time) (bool, error) {
	return false, errors.New("no line moves here")
}

func (*archive) CustomersOf(context.Context, msisdn.Number) ([]string, error) {
	return nil, errors.New("no plan changes here")
}

// history has the records of running inquiries, and when lines were active.
type history struct {
	mu      sync.Mutex
	records map[string]bill.Record
	active  map[msisdn.Number]time.Time
}

func (h *history) append(r bill.Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.active == nil {
		h.active = map[msisdn.Number]time.Time{}
	}
	h.active[r.Line] = r.RequestedAt
	if h.records[r.RequestID] = r; r.Status != bill.Processing {
		time.AfterFunc(time.Minute, func() { h.remove(r.RequestID) }) // the client has read it by then
	}
}

func (h *history) remove(requestID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.records, requestID)
}

func (h *history) Append(_ context.Context, r bill.Record) { h.append(r) }

func (h *history) Find(_ context.Context, _, requestID string) (bill.Record, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r, ok := h.records[requestID]; ok {
		return r, nil
	}
	return bill.Record{}, bill.ErrNoInquiry
}

func (*history) List(context.Context, bill.Filter) (bill.Page, error) { return bill.Page{}, nil }

func (h *history) activity(a *archive) bill.Activity { return activity{h, a} }

type activity struct {
	history *history
	archive *archive
}

func (a activity) Active(ctx context.Context, since, fresh time.Time, month bill.Month, limit int) (active []bill.Subscription, err error) {
	a.history.mu.Lock()
	defer a.history.mu.Unlock()
	for line, at := range a.history.active {
		s := bill.Subscription{Customer: holder.ID, Line: line}
		if known, err := a.archive.Find(ctx, s, month); at.Before(since) || err == nil && known.AsOf.After(fresh) {
			continue
		}
		if active = append(active, s); len(active) == limit {
			break
		}
	}
	return active, nil
}
