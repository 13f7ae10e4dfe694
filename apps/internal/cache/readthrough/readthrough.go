package readthrough

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Queue is the queue of fetches, with one item for each key. All replicas share it.
type Queue[K comparable] interface {
	// Enqueue enqueues a fetch that a client waits for, and returns how many items come
	// before it.
	Enqueue(ctx context.Context, key K) (ahead int, err error)
	// EnqueueAhead enqueues a fetch in the background, of a value that is about to expire.
	EnqueueAhead(ctx context.Context, key K) error
	Availability[K]
	// Await returns a channel that receives when the fetch of a key has ended or been set
	// aside on any replica. The caller calls stop when it has received enough.
	Await(key K) (changed <-chan struct{}, stop func())
}

// Availability says when the source would be called.
type Availability[K comparable] interface {
	// Callable reports whether no outage of the source is known.
	Callable(ctx context.Context, key K) (bool, error)
	// Busy reports whether a fetch that is enqueued now would wait for others, or for the
	// rate limit of the source.
	Busy(ctx context.Context, key K) (bool, error)
	// Standing returns the position of the fetch of a key, or ErrNotQueued.
	Standing(ctx context.Context, key K) (Standing, error)
}

// Standing is the position of a queued fetch.
type Standing struct {
	// Ahead is how many items come before it.
	Ahead int
	// Estimate is how long the answer of the source will probably take.
	Estimate time.Duration
	// Claimed is true while a worker has the item. Unavailable is true while the item is set
	// aside, or the source is not called because of an outage.
	Claimed, Unavailable bool
}

// Errors of a Queue.
var (
	// ErrNotQueued is returned for the position of a key that is not queued.
	ErrNotQueued = errors.New("readthrough: not queued")
	// ErrFull is returned by Enqueue if the queue is full.
	ErrFull = errors.New("readthrough: queue full")
)

const (
	// SoftTimeout is how long a read waits for the source if there is a stale value.
	// Product rule: 1 s, which leaves 0.2 s for reading the value.
	SoftTimeout = 800 * time.Millisecond
	// freshFor is the age up to which a value is fresh while others wait for the source:
	// the time-to-live of L1.
	freshFor = 5 * time.Minute
	// aheadPause is the time between two refreshes ahead of one key.
	aheadPause = 5 * time.Minute
	// aheadTimeout bounds the enqueueing of a refresh ahead, which delays the answer of one
	// client.
	aheadTimeout = 100 * time.Millisecond
)

// ReadThrough reads values, and refreshes those that are stale or about to expire.
type ReadThrough[K comparable, V Value] struct {
	*Reader[K, V]

	queue    Queue[K]
	aheadAge time.Duration
	ahead    *memo[K, struct{}] // keys with a recent refresh ahead
	now      func() time.Time

	mu      sync.Mutex
	flights map[flightKey[K]]*flight[V]
}

// New returns a ReadThrough of a reader and a queue. A value that is at least aheadAge old
// is refreshed ahead when it is read; 0 refreshes none ahead.
func New[K comparable, V Value](reader *Reader[K, V], queue Queue[K], aheadAge time.Duration, now func() time.Time) *ReadThrough[K, V] {
	return &ReadThrough[K, V]{
		Reader: reader, queue: queue, aheadAge: aheadAge, ahead: newMemo[K, struct{}](aheadPause, now), now: now,
		flights: map[flightKey[K]]*flight[V]{},
	}
}

// Get returns a fresh value, or a stale one if the source gives no newer one within
// SoftTimeout. A value is fresh as in Find. Get returns a negative answer of the source, or
// ErrMiss if only the source has the value.
func (r *ReadThrough[K, V]) Get(ctx context.Context, key K, since time.Time) (Found[V], error) {
	start, mark := time.Now(), r.Mark()
	found, err := r.Find(ctx, key, since)
	switch {
	case err != nil:
		return found, err
	case !found.Stale:
		r.refreshAhead(ctx, key, found.Value)
		return found, nil
	case found.refreshing:
		return found, nil
	}
	soft, cancel := context.WithDeadline(ctx, start.Add(SoftTimeout))
	defer cancel()
	if r.freshEnough(soft, key, found.Value) {
		found.Stale = false
		return found, nil
	}
	if newer, err := r.refresh(ctx, soft, key); err == nil || r.Negative(err) {
		return newer, err
	}
	kept := false
	r.evictions.unlessEvicted(key, mark, func() {
		kept = true
		r.stale.set(key, found.Value)
	})
	if !kept {
		return r.Find(ctx, key, since)
	}
	return found, nil
}

// errStill is returned by refresh if the source has given no answer in time.
var errStill = errors.New("readthrough: still stale")

// refresh returns the value that the source gives before soft ends, or a negative answer. It
// does not wait if other items are ahead.
func (r *ReadThrough[K, V]) refresh(ctx, soft context.Context, key K) (Found[V], error) {
	running, _, leave := r.join(ctx, key, false)
	defer leave()
	select {
	case <-running.enqueued:
		if running.ahead > 0 {
			return Found[V]{}, errStill
		}
	case <-soft.Done():
		return Found[V]{}, errStill
	}
	select {
	case <-running.done:
	case <-soft.Done():
		return Found[V]{}, errStill
	}
	if err := running.err; r.isFault(err) && !isQueued(err) {
		r.log.WarnContext(ctx, "refresh failed", "error", err)
	}
	return running.found, running.err
}

// freshEnough reports whether a value is at most freshFor old and the source could not be
// called at once for a newer one, although no outage is known.
func (r *ReadThrough[K, V]) freshEnough(ctx context.Context, key K, old V) bool {
	if r.now().Sub(old.AnsweredAt()) > freshFor {
		return false
	}
	if callable, err := r.queue.Callable(ctx, key); err != nil || !callable {
		return false
	}
	busy, err := r.queue.Busy(ctx, key)
	return err == nil && busy
}

// Errors of Fetch.
var (
	// ErrOutage is returned if the source cannot be called.
	ErrOutage = errors.New("readthrough: source unavailable")
	// ErrUnseen is returned if fetches have ended and their answer is not in the stores: a
	// worker of another replica has given up, or got an answer that could not be stored.
	ErrUnseen = errors.New("readthrough: answer not in the stores")
)

// QueuedError is returned by Fetch if the fetch is still queued.
type QueuedError struct{ Standing }

// Error implements error.
func (*QueuedError) Error() string { return "readthrough: still queued" }

// Fetch enqueues a fetch of a value that Get has not found, waits for its end and returns
// the value or the negative answer. Concurrent calls for a key share one fetch. If ctx ends
// before, the fetch stays queued and Fetch returns a *QueuedError. Unless async, Fetch
// returns ErrOutage as soon as the source is known to be unavailable. It also returns
// ErrUnseen and the errors of the queue.
func (r *ReadThrough[K, V]) Fetch(ctx context.Context, key K, async bool) (Found[V], error) {
	for faults := 0; ; {
		found, own, err := r.fetchOnce(ctx, key, async)
		switch {
		case isQueued(err) && ctx.Err() != nil:
			return Found[V]{}, &QueuedError{r.standing(ctx, key)}
		case isQueued(err): // the flight has landed before
		case r.isFault(err) && !own && faults < maxFaults:
			faults++ // one failed connection does not fail all reads
		default:
			return found, err
		}
	}
}

// maxFaults bounds how often a read repeats a fetch that failed for another read.
const maxFaults = 2

// isFault reports whether err is a fault of the queue or of a store.
func (r *ReadThrough[K, V]) isFault(err error) bool {
	return err != nil && !r.Negative(err) && !errors.Is(err, ErrOutage) && !errors.Is(err, ErrUnseen) && !errors.Is(err, ErrFull)
}

// fetchOnce waits for one flight, until ctx ends. It returns whether this read has started
// it.
func (r *ReadThrough[K, V]) fetchOnce(ctx context.Context, key K, async bool) (found Found[V], own bool, err error) {
	running, own, leave := r.join(ctx, key, async)
	defer leave()
	<-running.enqueued // also if ctx ends: what is answered as queued is durable
	select {
	case <-running.done:
	case <-ctx.Done():
	}
	found, err = running.result()
	return found, own, err
}

// refreshAhead enqueues a refresh of a value that is about to expire.
func (r *ReadThrough[K, V]) refreshAhead(ctx context.Context, key K, value V) {
	if r.aheadAge == 0 || value.Definitive() || r.now().Sub(value.AnsweredAt()) < r.aheadAge || !r.ahead.add(key, struct{}{}) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), aheadTimeout)
	defer cancel()
	if err := r.queue.EnqueueAhead(ctx, key); err != nil {
		r.log.WarnContext(ctx, "refresh ahead failed", "error", err)
	}
}
