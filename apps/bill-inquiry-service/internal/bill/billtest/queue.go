// Package billtest has an in-memory queue of fetches, for tests and for the simulation.
// It has the order, limits and backoffs of package apps/internal/kos/queue, on the clock
// of time.Now. Only tests may import it.
package billtest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
)

// Options are the options of a Queue.
type Options struct {
	// PerMinute is the rate limit.
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

	mu         sync.Mutex
	items      map[bill.Subject]*item
	inquiry    map[string]waiting // by request id
	budget     *budget
	outage     time.Time     // when it ends
	dispatcher chan struct{} // wakes it; nil if none runs
	waiters    map[bill.Subject]map[chan struct{}]struct{}
	serial     int64
	running    sync.WaitGroup
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
	return &Queue{
		ctx: ctx, opts: opts, items: map[bill.Subject]*item{}, inquiry: map[string]waiting{}, budget: newBudget(opts.PerMinute),
		waiters: map[bill.Subject]map[chan struct{}]struct{}{},
	}
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

// Spend uses up the burst.
func (q *Queue) Spend() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.budget.reserve(1) == 0 { // until it is used up
	}
}

// SetOutage starts an outage.
func (q *Queue) SetOutage(pause time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.outage = time.Now().Add(pause)
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

// inOrder returns the items in their order.
func (q *Queue) inOrder() []*item { return slices.SortedFunc(maps.Values(q.items), compare) }

// round returns the round of a new item, and the number of queued items of its class.
func (q *Queue) round(f bill.Fetch) (round int64, waiting int) {
	served, waited := int64(-1), int64(0)
	for _, i := range q.inOrder() {
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
		return nil, false, readthrough.ErrFull
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
	q.wake()
	return held, added, nil
}

func (q *Queue) ahead(mine *item) (ahead int) {
	for _, other := range q.inOrder() {
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

// Enqueue implements readthrough.Queue.
func (q *Queue) Enqueue(_ context.Context, key bill.Query) (ahead int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	held, _, err := q.enqueue(q.fetch(key))
	if err != nil {
		return 0, err
	}
	return q.ahead(held), nil
}

// EnqueueAhead implements readthrough.Queue.
func (q *Queue) EnqueueAhead(ctx context.Context, key bill.Query) error {
	_, err := q.Prefetch(ctx, key, bill.ReasonHot)
	return err
}

// Prefetch implements bill.Prefetches.
func (q *Queue) Prefetch(_ context.Context, key bill.Query, reason string) (added bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f := q.fetch(key)
	f.Background, f.Reason = true, reason
	_, added, err = q.enqueue(f)
	return added, err
}

func (q *Queue) fetch(key bill.Query) bill.Fetch {
	return bill.Fetch{Subject: subject(key), Customers: []string{key.Customer}, RequestID: fmt.Sprintf("fetch-%d", q.serial)}
}

func subject(key bill.Query) bill.Subject { return bill.Subject{Line: key.Line, Month: key.Month} }

// InquiryStanding implements bill.Queue.
func (q *Queue) InquiryStanding(_ context.Context, requestID string) (bill.Standing, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	found, ok := q.inquiry[requestID]
	if !ok {
		return bill.Standing{}, bill.ErrNotQueued
	}
	return bill.Standing{Standing: q.standing(q.items[found.subject]), First: found.first}, nil
}

// Standing implements readthrough.Queue.
func (q *Queue) Standing(_ context.Context, key bill.Query) (readthrough.Standing, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	mine := q.items[subject(key)]
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
	left, wait := q.budget.state()
	aside := max(0, time.Until(q.outage), time.Until(mine.due))
	s := readthrough.Standing{Ahead: q.ahead(mine), Unavailable: aside > 0}
	spaced := max(0, s.Ahead-max(0, left-1))
	s.Estimate = max(aside, wait) + time.Duration(spaced)*q.budget.interval + callTime
	return s
}

// probing is how long after the end of an outage only queued items call KOS, to find
// out whether it answers again.
const probing = 5 * time.Second

// Callable implements readthrough.Queue.
func (q *Queue) Callable(context.Context, bill.Query) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if time.Since(q.outage) >= probing {
		return true, nil
	}
	waits := slices.ContainsFunc(q.inOrder(), func(i *item) bool { return i.ready() && !i.Background })
	return time.Now().After(q.outage) && !waits, nil
}

// Busy implements readthrough.Queue.
func (q *Queue) Busy(context.Context, bill.Query) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, wait := q.budget.state()
	return wait > 0 || slices.ContainsFunc(q.inOrder(), func(i *item) bool { return i.ready() && !i.Background }), nil
}

// Await implements readthrough.Queue.
func (q *Queue) Await(key bill.Query) (changed <-chan struct{}, stop func()) {
	s := subject(key)
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
