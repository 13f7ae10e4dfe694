// Package billtest has an in-memory queue of fetches, for tests and for the simulation.
// It has the order, limits and backoffs of package apps/internal/kos/queue, on the clock
// of time.Now. Only tests may import it.
package billtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
)

// Options are the options of a Queue.
type Options struct {
	// PerMinute is the rate limit of each endpoint.
	PerMinute int
	// Capacity is the number of items of each class that may be queued.
	Capacity int
	// GiveUpAfter is how long KOS may leave an item unanswered before it fails.
	GiveUpAfter time.Duration
	// Fetch calls KOS. Without it nothing is dispatched.
	Fetch func(ctx context.Context, f bill.Fetch) bill.Reply
	// Appended is called with each written record, Ended with each fetch that was
	// answered or given up.
	Appended func(bill.Record)
	Ended    func(f bill.Fetch, reply bill.Reply)
	// Now is the clock of records.
	Now func() time.Time
}

// Queue implements bill.Queue. It dispatches items until its context ends.
type Queue struct {
	ctx  context.Context //nolint:containedctx // of the dispatchers that it starts
	opts Options

	mu          sync.Mutex
	items       map[bill.Subject]*item
	inquiry     map[string]waiting // by request id
	budgets     map[bill.Endpoint]*budget
	outages     map[bill.Endpoint]time.Time // when they end
	dispatchers map[bill.Endpoint]chan struct{}
	waiters     map[bill.Subject]map[chan struct{}]struct{}
	serial      int64
	running     sync.WaitGroup
}

type item struct {
	bill.Fetch

	round, position int64
	enqueued, due   time.Time
	failing         time.Time
	claimed         bool
	unanswered      int
	inquiries       []bill.Record
}

type waiting struct {
	subject bill.Subject
	first   int
}

var _ bill.Queue = (*Queue)(nil)

// NewQueue returns an empty queue.
func NewQueue(ctx context.Context, opts Options) *Queue {
	q := &Queue{
		ctx: ctx, opts: opts, items: map[bill.Subject]*item{}, inquiry: map[string]waiting{},
		budgets: map[bill.Endpoint]*budget{}, outages: map[bill.Endpoint]time.Time{},
		dispatchers: map[bill.Endpoint]chan struct{}{}, waiters: map[bill.Subject]map[chan struct{}]struct{}{},
	}
	for _, endpoint := range []bill.Endpoint{bill.BillInquiry, bill.ProductInquiry} {
		q.budgets[endpoint] = newBudget(opts.PerMinute)
	}
	return q
}

// Wait waits for all dispatchers and attempts. They end when the queue is empty or its
// context ends.
func (q *Queue) Wait() { q.running.Wait() }

// Len returns the number of queued items.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// Spend uses up the burst of an endpoint.
func (q *Queue) Spend(endpoint bill.Endpoint) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.budgets[endpoint].reserve(1) == 0 { // until it is used up
	}
}

// SetOutage starts an outage of an endpoint.
func (q *Queue) SetOutage(endpoint bill.Endpoint, pause time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.outages[endpoint] = time.Now().Add(pause)
}

func (i *item) ready() bool { return !i.claimed && !i.due.After(time.Now()) }

func compare(a, b *item) int {
	class := func(i *item) int {
		if i.Background {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(class(a), class(b)), cmp.Compare(a.round, b.round), cmp.Compare(a.position, b.position))
}

// of returns the items of an endpoint, in order.
func (q *Queue) of(endpoint bill.Endpoint) []*item {
	var all []*item
	for i := range maps.Values(q.items) {
		if i.Endpoint() == endpoint {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, compare)
	return all
}

// round returns the round of a new item, and the number of queued items of its class.
func (q *Queue) round(f bill.Fetch) (round int64, waiting int) {
	served, waited := int64(-1), int64(0)
	for _, i := range q.of(f.Endpoint()) {
		if i.Background != f.Background {
			continue
		}
		waiting++
		if served < 0 || i.round < served {
			served = i.round
		}
		if time.Since(i.enqueued) > time.Minute {
			waited = max(waited, i.round)
		}
		if i.Line == f.Line && i.Subject != f.Subject {
			round = max(round, i.round+1)
		}
	}
	return max(round, served, waited), waiting
}

func (q *Queue) enqueue(f bill.Fetch) (held *item, added bool, err error) {
	round, waiting := q.round(f)
	held = q.items[f.Subject]
	if held == nil && waiting >= q.opts.Capacity {
		return nil, false, bill.ErrQueueFull
	}
	q.serial++
	added = held == nil || held.Background && !f.Background
	if held == nil {
		held = &item{Fetch: f, round: round, position: q.serial, enqueued: time.Now(), due: time.Now()}
		q.items[f.Subject] = held
	} else if added {
		held.Background, held.round, held.position = false, round, q.serial
	}
	for _, customer := range f.Customers {
		if !slices.Contains(held.Customers, customer) {
			held.Customers = append(slices.Clone(held.Customers), customer)
		}
	}
	q.wake(f.Endpoint())
	return held, added, nil
}

func (q *Queue) ahead(mine *item) (ahead int) {
	for _, other := range q.of(mine.Endpoint()) {
		if compare(other, mine) < 0 && other.ready() {
			ahead++
		}
	}
	return ahead
}

// EnqueueInquiry implements bill.Queue.
func (q *Queue) EnqueueInquiry(_ context.Context, r bill.Record) (bill.Standing, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	subject := bill.Subject{Line: r.Line, Month: r.Month}
	held, _, err := q.enqueue(bill.Fetch{Subject: subject, Customers: []string{r.Customer}, RequestID: r.RequestID})
	if err != nil {
		return bill.Standing{}, err
	}
	if q.opts.Appended != nil {
		q.opts.Appended(r)
	}
	held.inquiries = append(held.inquiries, r)
	standing := q.standing(held)
	q.inquiry[r.RequestID] = waiting{subject, standing.Ahead}
	return bill.Standing{Standing: standing, First: standing.Ahead}, nil
}

// Enqueue implements bill.Queue.
func (q *Queue) Enqueue(_ context.Context, f bill.Fetch) (bill.Ticket, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	held, added, err := q.enqueue(f)
	if err != nil {
		return bill.Ticket{}, err
	}
	return bill.Ticket{Added: added, Ahead: q.ahead(held)}, nil
}

// Standing implements bill.Queue.
func (q *Queue) Standing(_ context.Context, requestID string) (bill.Standing, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	found, ok := q.inquiry[requestID]
	if !ok {
		return bill.Standing{}, bill.ErrNotQueued
	}
	return bill.Standing{Standing: q.standing(q.items[found.subject]), First: found.first}, nil
}

// FetchStanding implements bill.Queue.
func (q *Queue) FetchStanding(_ context.Context, s bill.Subject) (readthrough.Standing, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	mine := q.items[s]
	if mine == nil {
		return readthrough.Standing{}, bill.ErrNotQueued
	}
	return q.standing(mine), nil
}

// callTime is the usual duration of a call of KOS.
const callTime = 500 * time.Millisecond

func (q *Queue) standing(mine *item) readthrough.Standing {
	if mine.claimed {
		return readthrough.Standing{Claimed: true, Estimate: callTime}
	}
	budget := q.budgets[mine.Endpoint()]
	left, wait := budget.state()
	aside := max(0, time.Until(q.outages[mine.Endpoint()]), time.Until(mine.due))
	s := readthrough.Standing{Ahead: q.ahead(mine), Unavailable: aside > 0}
	spaced := max(0, s.Ahead-max(0, left-1))
	s.Estimate = max(aside, wait) + time.Duration(spaced)*budget.interval + callTime
	return s
}

// probing is how long after the end of an outage only queued items call KOS, to find
// out whether it answers again.
const probing = 5 * time.Second

// Callable implements bill.Queue.
func (q *Queue) Callable(_ context.Context, endpoint bill.Endpoint) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	end, outage := q.outages[endpoint]
	if !outage || time.Since(end) >= probing {
		return true, nil
	}
	waits := slices.ContainsFunc(q.of(endpoint), func(i *item) bool { return i.ready() && !i.Background })
	return time.Now().After(end) && !waits, nil
}

// Busy implements bill.Queue.
func (q *Queue) Busy(_ context.Context, endpoint bill.Endpoint) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, wait := q.budgets[endpoint].state()
	return wait > 0 || slices.ContainsFunc(q.of(endpoint), func(i *item) bool { return i.ready() && !i.Background }), nil
}

// Await implements bill.Queue.
func (q *Queue) Await(s bill.Subject) (changed <-chan struct{}, stop func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	own := make(chan struct{}, 1)
	if q.waiters[s] == nil {
		q.waiters[s] = map[chan struct{}]struct{}{}
	}
	q.waiters[s][own] = struct{}{}
	return own, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		delete(q.waiters[s], own)
	}
}

// offer sends unless the channel is full.
func offer(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
