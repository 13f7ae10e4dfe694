// Package billtest has the line that questions wait in, kept in memory, for
// tests and for the simulation. One suite of tests holds it and the real one to
// the same behaviour. Only tests may import it.
package billtest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
)

// Line implements bill.Queue, bill.Gate and bill.Turns, on the clock of
// time.Now, which may be a test's own.
type Line struct {
	opts Options

	mu      sync.Mutex
	fetches map[bill.Subject]*fetch
	inquiry map[string]waiter // by request id
	budgets map[bill.Endpoint]*budget
	rests   map[bill.Endpoint]time.Time
	serial  int64
}

// Options say what a Line is like.
type Options struct {
	// PerMinute is KOS's limit of each endpoint.
	PerMinute int
	// Room is how many questions of a class may wait.
	Room int
	// Came is called when there is a question that nobody sees to yet.
	Came func(endpoint bill.Endpoint, fetchID int64)
	// Appended is called with each record written, Done with the key of each
	// question that has left the line.
	Appended func(bill.Record)
	Done     func(key string)
}

type fetch struct {
	bill.Turn

	round, place int64
	due, taken   time.Time
	inquiries    []bill.Record
}

type waiter struct {
	subject bill.Subject
	first   int
}

var (
	_ bill.Queue = (*Line)(nil)
	_ bill.Gate  = (*Line)(nil)
	_ bill.Turns = (*Line)(nil)
)

// NewLine returns an empty line.
func NewLine(opts Options) *Line {
	l := &Line{
		opts: opts, fetches: map[bill.Subject]*fetch{}, inquiry: map[string]waiter{},
		budgets: map[bill.Endpoint]*budget{}, rests: map[bill.Endpoint]time.Time{},
	}
	for _, endpoint := range []bill.Endpoint{bill.BillInquiry, bill.ProductInquiry} {
		l.budgets[endpoint] = newBudget(opts.PerMinute)
	}
	return l
}

// Len returns how many questions wait.
func (l *Line) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.fetches)
}

// free reports whether the question could be taken now.
func (f *fetch) free(now time.Time) bool { return !f.taken.After(now) && !f.due.After(now) }

func (l *Line) resting(endpoint bill.Endpoint) time.Duration {
	return max(0, time.Until(l.rests[endpoint]))
}

// probing is how long after a rest it is left to who waits in line to find out
// whether KOS is back.
const probing = 5 * time.Second

// Pass implements bill.Gate.
func (l *Line) Pass(_ context.Context, endpoint bill.Endpoint) (bill.Passage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.resting(endpoint) > 0 {
		return bill.Resting, nil
	}
	for _, f := range l.fetches {
		if f.Endpoint() != endpoint || f.Class != bill.Interactive || !f.free(time.Now()) {
			continue
		}
		if time.Since(l.rests[endpoint]) < probing {
			return bill.Resting, nil
		}
		return bill.MustWait, nil
	}
	if l.budgets[endpoint].reserve(1) > 0 {
		return bill.MustWait, nil
	}
	return bill.Granted, nil
}

// Rest implements bill.Gate.
func (l *Line) Rest(_ context.Context, endpoint bill.Endpoint, pause time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rests[endpoint] = time.Now().Add(max(pause, l.resting(endpoint)))
	return nil
}

// round returns a newcomer's, as the real line does.
func (l *Line) round(w bill.Wish) (round int64, waiting int) {
	served, waited := int64(-1), int64(0)
	for _, f := range l.fetches {
		if f.Endpoint() != w.Endpoint() || f.Class != w.Class {
			continue
		}
		waiting++
		if served < 0 || f.round < served {
			served = f.round
		}
		if time.Since(f.Since) > time.Minute {
			waited = max(waited, f.round)
		}
		if f.Line == w.Line && f.Subject != w.Subject {
			round = max(round, f.round+1)
		}
	}
	return max(round, served, waited), waiting
}

func (l *Line) enter(w bill.Wish) (*fetch, bool, error) {
	round, waiting := l.round(w)
	held := l.fetches[w.Subject]
	if held == nil && waiting >= l.opts.Room {
		return nil, false, bill.ErrLineFull
	}
	l.serial++
	anew := held == nil || w.Class < held.Class
	if held == nil {
		held = &fetch{Turn: bill.Turn{Wish: w, FetchID: l.serial, Since: time.Now()}, round: round, place: l.serial, due: time.Now()}
		l.fetches[w.Subject] = held
	} else if anew {
		held.Class, held.round, held.place = w.Class, round, l.serial
	}
	held.Refresh = held.Refresh || w.Refresh
	for _, customer := range w.Customers {
		if !slices.Contains(held.Customers, customer) {
			held.Customers = append(slices.Clone(held.Customers), customer)
		}
	}
	if anew && l.opts.Came != nil {
		l.opts.Came(w.Endpoint(), held.FetchID)
	}
	return held, anew, nil
}

// Enter implements bill.Queue.
func (l *Line) Enter(_ context.Context, r bill.Record) (bill.Place, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	subject := bill.Subject{Line: r.Line, Month: r.Month}
	held, _, err := l.enter(bill.Wish{Subject: subject, Customers: []string{r.Customer}, RequestID: r.RequestID, Class: bill.Interactive})
	if err != nil {
		return bill.Place{}, err
	}
	if l.opts.Appended != nil {
		l.opts.Appended(r)
	}
	held.inquiries = append(held.inquiries, r)
	place := l.standing(held)
	place.First = place.Ahead
	l.inquiry[r.RequestID] = waiter{subject, place.Ahead}
	return place, nil
}

// Want implements bill.Queue.
func (l *Line) Want(_ context.Context, w bill.Wish) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, anew, err := l.enter(w)
	return anew, err
}

// Place implements bill.Queue.
func (l *Line) Place(_ context.Context, requestID string) (bill.Place, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.inquiry[requestID]
	if !ok {
		return bill.Place{}, bill.ErrNotWaiting
	}
	place := l.standing(l.fetches[found.subject])
	place.First = found.first
	return place, nil
}

// Standing implements bill.Turns.
func (l *Line) Standing(_ context.Context, fetchID int64) (bill.Place, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.fetches {
		if f.FetchID == fetchID {
			return l.standing(f), nil
		}
	}
	return bill.Place{}, bill.ErrNotWaiting
}

// compare puts questions in order.
func compare(a, b *fetch) int {
	return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.round, b.round), cmp.Compare(a.place, b.place))
}

// call is how long KOS takes to answer, most of the time.
const call = 500 * time.Millisecond

func (l *Line) standing(mine *fetch) bill.Place {
	now := time.Now()
	if mine.taken.After(now) {
		return bill.Place{Begun: true, Estimate: call}
	}
	var place bill.Place
	for _, other := range l.fetches {
		if other.Endpoint() == mine.Endpoint() && compare(other, mine) < 0 && other.free(now) {
			place.Ahead++
		}
	}
	budget := l.budgets[mine.Endpoint()]
	left, wait := budget.state()
	rests := max(l.resting(mine.Endpoint()), mine.due.Sub(now))
	spaced := max(0, place.Ahead-max(0, left-1))
	place.Estimate = max(rests, wait) + time.Duration(spaced)*budget.interval + call
	return place
}
