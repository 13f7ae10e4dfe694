package password

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// queue hands out the slots in which passwords are hashed, in order of arrival.
//
// A caller that would wait for too long is refused with the time of its turn, computed from the
// measured duration of the work and the number of callers before it, and keeps its place: when it
// returns, it goes before all that came later. Capacity is not reserved in time but by order. A
// slot is therefore never idle while a caller waits for one, whether or not the refused ones
// return; one that returns takes the turn of those that came after it.
//
// Every replica has its own queue.
type queue struct {
	slots   int           // callers that work at once
	limit   int           // callers that wait
	maxWait time.Duration // of one call
	now     func() time.Time
	roll    func() float64 // random, in [0, 1)

	mu      sync.Mutex
	work    time.Duration // moving average of the duration of a caller's work
	working int
	issued  uint64           // the number of the latest place
	places  []uint64         // the numbers of all callers that wait or are away, in order
	waiting []*waiter        // in order of their numbers
	away    map[string]place // refused callers
	swept   time.Time        // when expired places were last removed
	lapsed  int              // places that have expired
}

// waiter is a caller that waits for a slot.
type waiter struct {
	client string
	number uint64
	turn   chan error // gets nil with a slot, or a refusal
}

// place is the place of a refused caller, which expires if the caller does not return.
type place struct {
	number  uint64
	expires time.Time
}

const (
	// horizon is the latest turn for which a place is kept. Callers that never return can delay
	// the turns of others no further.
	horizon = 2 * time.Minute
	// grace is how long a place is kept after its turn.
	grace = 5 * time.Second
	// minWork keeps estimates finite.
	minWork = time.Millisecond
)

func newQueue(slots, limit int, maxWait time.Duration) *queue {
	return &queue{
		slots: slots, limit: limit, maxWait: maxWait, now: time.Now, roll: rand.Float64,
		away: make(map[string]place),
	}
}

// admits returns a refusal if enter would refuse the client at once.
func (q *queue) admits(client string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sweepLocked()
	if q.working < q.slots || q.fitsLocked(len(q.waiting)+1) {
		return nil
	}
	p, kept := q.away[client]
	if waiting := len(q.waiting); kept && waiting > 0 && p.number < q.waiting[waiting-1].number {
		return nil
	}
	return q.refuseLocked(client, q.numberLocked(client))
}

// enter waits for a slot; the caller must call leave afterwards. It returns a refusal if the wait is
// or becomes too long, or if ctx ends. client identifies the caller when it returns; callers
// without a name get no place.
func (q *queue) enter(ctx context.Context, client string) error {
	w, err := q.join(client)
	if w == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, q.maxWait)
	defer cancel()
	select {
	case err := <-w.turn:
		return err
	case <-ctx.Done():
		return q.quit(w, ctx.Err())
	}
}

// join returns nil and no error if a slot is free, and otherwise a waiter. If there are too many
// waiters then, the last one is refused.
func (q *queue) join(client string) (*waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sweepLocked()
	w := &waiter{client: client, number: q.numberLocked(client), turn: make(chan error, 1)}
	if q.working < q.slots {
		q.working++
		q.vacateLocked(w.number)
		return nil, nil //nolint:nilnil // described above
	}
	at, _ := slices.BinarySearchFunc(q.waiting, w.number, byNumber)
	q.waiting = slices.Insert(q.waiting, at, w)
	if q.fitsLocked(len(q.waiting)) {
		return w, nil
	}
	last := q.waiting[len(q.waiting)-1]
	q.waiting = slices.Delete(q.waiting, len(q.waiting)-1, len(q.waiting))
	refusal := q.refuseLocked(last.client, last.number)
	if last == w {
		return nil, refusal
	}
	last.turn <- refusal
	return w, nil
}

func byNumber(w *waiter, number uint64) int { return cmp.Compare(w.number, number) }

// leave frees a slot after work that took so long; 0 is not counted.
func (q *queue) leave(took time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if took > 0 {
		q.observeLocked(took)
	}
	if len(q.waiting) == 0 {
		q.working--
		return
	}
	next := q.waiting[0]
	q.waiting = slices.Delete(q.waiting, 0, 1)
	q.vacateLocked(next.number)
	next.turn <- nil
}

// quit ends a wait because of cause. A client that has disconnected loses its place.
func (q *queue) quit(w *waiter, cause error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	at, waits := slices.BinarySearchFunc(q.waiting, w.number, byNumber)
	if !waits { // the turn came at the same time
		return <-w.turn
	}
	q.waiting = slices.Delete(q.waiting, at, at+1)
	if errors.Is(cause, context.Canceled) {
		q.vacateLocked(w.number)
		return ErrBusy.WithCause(cause)
	}
	return q.refuseLocked(w.client, w.number).WithCause(cause)
}

// numberLocked returns the number of a client's place, which it takes back, or a new one.
func (q *queue) numberLocked(client string) uint64 {
	if p, kept := q.away[client]; kept {
		delete(q.away, client)
		return p.number
	}
	q.issued++
	q.places = append(q.places, q.issued)
	return q.issued
}

// vacateLocked gives up a place.
func (q *queue) vacateLocked(number uint64) {
	if at, found := slices.BinarySearch(q.places, number); found {
		q.places = slices.Delete(q.places, at, at+1)
	}
}

// sweepLocked gives up expired places, once a second.
func (q *queue) sweepLocked() {
	now := q.now()
	if now.Sub(q.swept) < time.Second {
		return
	}
	q.swept = now
	for client, p := range q.away {
		if now.After(p.expires) {
			delete(q.away, client)
			q.vacateLocked(p.number)
			q.lapsed++
		}
	}
}

// fitsLocked reports whether the last of n waiters gets a slot in time, if no other comes before it.
func (q *queue) fitsLocked(n int) bool { return n <= q.limit && q.timeLocked(n) <= q.maxWait }

// timeLocked returns the time in which n callers are done.
func (q *queue) timeLocked(n int) time.Duration {
	return time.Duration(n) * q.work / time.Duration(q.slots)
}

// observeLocked adds the duration of a caller's work to the average. One that is much longer than
// usual, because the database was slow, must not send the callers of that moment away for minutes.
func (q *queue) observeLocked(took time.Duration) {
	if q.work == 0 {
		q.work = took
	}
	q.work = max(q.work+(min(took, 2*q.work)-q.work)/10, minWork)
}
