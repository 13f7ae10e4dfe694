package identity

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// keyedLock serializes concurrent changes of the same object, such as a session. The store detects
// conflicts as well, but to a sidecar's circuit breaker many conflicts look like a failing store,
// so that one client that refreshes in parallel would affect all others. The zero value is ready to
// use.
type keyedLock struct {
	mu     sync.Mutex
	queues map[string]*waitQueue
	held   time.Duration // moving average of how long a lock is held
}

// maxWaiters bounds the queue for one key. Honest clients stay well below it, and each waiter
// occupies one of the service's concurrent requests.
const maxWaiters = 32

// waitQueue are the callers that hold or wait for the lock of one key.
type waitQueue struct {
	token   chan struct{} // contains a token while the lock is held
	waiting int           // including the holder
}

// lock acquires the lock of id; the caller must call done afterwards. It returns
// ErrTooManyConcurrent at once if the queue is full, and the context's error if that ends first.
func (t *keyedLock) lock(ctx context.Context, id string) (done func(), err error) {
	q, ok := t.join(id)
	if !ok {
		return nil, t.overloaded(id)
	}
	select {
	case q.token <- struct{}{}:
		start := time.Now()
		return func() {
			t.observe(time.Since(start))
			<-q.token
			t.leave(id, q)
		}, nil
	case <-ctx.Done():
		t.leave(id, q)
		return nil, ctx.Err()
	}
}

func (t *keyedLock) observe(held time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held += (held - t.held) / 10
}

// overloaded returns ErrTooManyConcurrent with the time after which to retry: the estimated time in
// which the present queue drains, plus up to the same again as jitter.
func (t *keyedLock) overloaded(id string) *problem.Error {
	t.mu.Lock()
	defer t.mu.Unlock()
	waiting := 1
	if q, ok := t.queues[id]; ok {
		waiting = q.waiting
	}
	wait := float64(waiting) * t.held.Seconds() * (1 + rand.Float64()) //nolint:gosec // jitter is no secret
	return ErrTooManyConcurrent.After(time.Duration(max(1, math.Ceil(wait))) * time.Second)
}

func (t *keyedLock) join(id string) (q *waitQueue, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	q, ok = t.queues[id]
	if !ok {
		if t.queues == nil {
			t.queues = make(map[string]*waitQueue)
		}
		q = &waitQueue{token: make(chan struct{}, 1)}
		t.queues[id] = q
	}
	if q.waiting == maxWaiters {
		return nil, false
	}
	q.waiting++
	return q, true
}

func (t *keyedLock) leave(id string, q *waitQueue) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if q.waiting--; q.waiting == 0 {
		delete(t.queues, id)
	}
}
