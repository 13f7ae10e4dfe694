package readthrough

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

const (
	// enqueueTimeout bounds the enqueueing of a fetch, which goes on if its clients leave.
	enqueueTimeout = 5 * time.Second
	// flightTimeout bounds a flight. It is longer than a client waits.
	flightTimeout = 10 * time.Second
	// standingTimeout bounds the read of the position of a fetch whose wait is over.
	standingTimeout = 300 * time.Millisecond
	// maxFetches bounds the fetches of a flight. More than one is needed if an answer cannot
	// be stored because the value was invalidated meanwhile, or if the fetch is given up.
	maxFetches = 2
)

// flight is a queued fetch that concurrent reads of one key in this process wait for. It
// costs the database one enqueueing, whatever their number.
type flight[V any] struct {
	// enqueued is closed when the fetch is queued, or the flight is done. Then ahead is how
	// many items came before it.
	enqueued chan struct{}
	ahead    int
	// done is closed when found and err are set: the value that the source has given since
	// the start, a negative answer, an error of Fetch or of the queue.
	done  chan struct{}
	found Found[V]
	err   error

	reads  int                // that wait; guarded by ReadThrough.mu
	cancel context.CancelFunc // ends the wait, not the enqueueing
	span   trace.Span         // in the trace of the first read; linked to the others
}

// result returns the result of a flight that is done, else a *QueuedError.
func (f *flight[V]) result() (Found[V], error) {
	select {
	case <-f.done:
		return f.found, f.err
	default:
		return Found[V]{}, &QueuedError{}
	}
}

func isQueued(err error) bool {
	_, queued := errors.AsType[*QueuedError](err)
	return queued
}

// flightKey identifies a flight. Only an asynchronous one goes on during an outage.
type flightKey[K comparable] struct {
	key   K
	async bool
}

// join returns the flight of a key, and whether it has started it because there was none. The
// caller calls leave when it does not wait any more.
func (r *ReadThrough[K, V]) join(ctx context.Context, key K, async bool) (joined *flight[V], own bool, leave func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := flightKey[K]{key, async}
	joined = r.flights[id]
	if joined == nil {
		joined, own = r.start(ctx, id), true
		r.flights[id] = joined
	} else {
		telemetry.Link(joined.span, telemetry.Traceparent(ctx))
	}
	joined.reads++
	return joined, own, func() { r.leave(id, joined) }
}

// leave ends a flight that no read waits for. Its fetch stays queued.
func (r *ReadThrough[K, V]) leave(id flightKey[K], left *flight[V]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	left.reads--
	if left.reads == 0 {
		left.cancel()
		r.land(id, left)
	}
}

// land removes a flight, unless another one has replaced it.
func (r *ReadThrough[K, V]) land(id flightKey[K], landed *flight[V]) {
	if r.flights[id] == landed {
		delete(r.flights, id)
	}
}

// start starts a flight.
func (r *ReadThrough[K, V]) start(ctx context.Context, id flightKey[K]) *flight[V] {
	ctx, span := telemetry.Start(ctx, "wait for source", trace.SpanKindInternal)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flightTimeout)
	started := &flight[V]{enqueued: make(chan struct{}), done: make(chan struct{}), cancel: cancel, span: span}
	go func() {
		defer span.End()
		defer cancel()
		queued := false
		defer func() {
			if cause := recover(); cause != nil { // no caller recovers it
				started.err = fmt.Errorf("readthrough: panic: %v\n%s", cause, debug.Stack())
			}
			r.mu.Lock()
			r.land(id, started)
			r.mu.Unlock()
			if !queued {
				close(started.enqueued)
			}
			close(started.done)
		}()
		started.found, started.err = r.fly(ctx, id.key, id.async, func(ahead int) {
			if !queued {
				queued, started.ahead = true, ahead
				close(started.enqueued)
			}
		})
	}()
	return started
}

// fly enqueues a fetch, calls enqueued and waits for the answer.
func (r *ReadThrough[K, V]) fly(ctx context.Context, key K, async bool, enqueued func(ahead int)) (Found[V], error) {
	start := r.now()
	changed, stop := r.queue.Await(key) // before Enqueue: an end before it would be missed
	defer stop()
	for range maxFetches {
		ahead, err := r.enqueue(ctx, key, async)
		if err != nil {
			return Found[V]{}, err
		}
		enqueued(ahead)
		found, err := r.await(ctx, key, start, changed, async)
		if !errors.Is(err, ErrNotQueued) {
			return found, err
		}
	}
	return Found[V]{}, ErrUnseen
}

// enqueue enqueues a fetch, also if ctx ends meanwhile. Unless async, it returns ErrOutage
// during an outage.
func (r *ReadThrough[K, V]) enqueue(ctx context.Context, key K, async bool) (ahead int, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), enqueueTimeout)
	defer cancel()
	if !async {
		callable, err := r.queue.Callable(ctx, key)
		if err != nil {
			return 0, err
		}
		if !callable {
			return 0, ErrOutage
		}
	}
	return r.queue.Enqueue(ctx, key)
}

// await returns the value that the source has given since start, or a negative answer. It
// returns ErrNotQueued if the fetch has ended without that, ErrOutage if it is set aside and
// not async, or a *QueuedError when ctx ends.
func (r *ReadThrough[K, V]) await(ctx context.Context, key K, start time.Time, changed <-chan struct{}, async bool) (Found[V], error) {
	for {
		select {
		case <-changed:
		case <-ctx.Done():
			return Found[V]{}, &QueuedError{}
		}
		found, err := r.Find(ctx, key, start)
		if r.Negative(err) || err == nil && !found.Stale {
			return found, err
		}
		switch standing, err := r.queue.Standing(ctx, key); {
		case errors.Is(err, ErrNotQueued):
			return Found[V]{}, ErrNotQueued
		case err == nil && standing.Unavailable && !async:
			return Found[V]{}, ErrOutage
		}
	}
}

// standing returns the position of a fetch, or an empty one if it is not found in time.
func (r *ReadThrough[K, V]) standing(ctx context.Context, key K) Standing {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), standingTimeout)
	defer cancel()
	standing, _ := r.queue.Standing(ctx, key)
	return standing
}
