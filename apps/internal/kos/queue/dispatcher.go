package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Handler works on a claimed item. When ctx ends, by the endpoint's timeout or a
// stop, it returns soon.
type Handler func(ctx context.Context, item Item) Outcome

// Dispatcher has the items of a queue worked on by this replica.
type Dispatcher struct {
	queue     *Queue
	endpoints []*worker
	metrics   *Metrics
	log       *slog.Logger
	wake      chan struct{}
	failing   bool
}

// worker is what a dispatcher knows of an endpoint.
type worker struct {
	*Endpoint

	handle Handler
	slots  chan struct{} // holds one for each worker that is busy
	spent  time.Time     // until then a new item changes nothing
}

// NewDispatcher returns a dispatcher with a handler for each endpoint.
func NewDispatcher(q *Queue, handlers map[string]Handler, metrics *Metrics, log *slog.Logger) *Dispatcher {
	d := &Dispatcher{queue: q, metrics: metrics, log: log, wake: make(chan struct{}, 1)}
	for _, name := range q.names {
		e := q.endpoints[name]
		d.endpoints = append(d.endpoints, &worker{Endpoint: e, handle: handlers[name], slots: make(chan struct{}, e.Workers)})
	}
	return d
}

const (
	// faultPause is how soon a claim that failed is tried again.
	faultPause = time.Second
	// overdueEvery is how often items are looked for that have to be given up.
	overdueEvery = 30 * time.Second
	// softStop is how long attempts go on after a stop. Those that take longer are
	// interrupted, and free for another replica at once.
	softStop = 3 * time.Second
	// writeTimeout bounds what is written after an attempt, also after a stop.
	writeTimeout = 3 * time.Second
)

// Run dispatches until ctx ends, and returns when the attempts that it has begun
// have ended.
func (d *Dispatcher) Run(ctx context.Context) {
	attempts, interrupt := context.WithCancel(context.WithoutCancel(ctx))
	defer interrupt()
	var running sync.WaitGroup
	running.Go(func() { d.giveUp(ctx, attempts) })
	for ctx.Err() == nil {
		wait := d.dispatch(ctx, attempts, &running)
		select {
		case <-ctx.Done():
		case <-d.wake:
		case <-time.After(wait):
		}
	}
	stopped := time.AfterFunc(softStop, interrupt)
	defer stopped.Stop()
	running.Wait()
}

// dispatch starts what can be started and returns when to look again.
func (d *Dispatcher) dispatch(ctx, attempts context.Context, running *sync.WaitGroup) time.Duration {
	wait := idle
	for _, w := range d.endpoints {
		wait = min(wait, d.dispatchEndpoint(ctx, attempts, w, running))
	}
	return wait
}

func (d *Dispatcher) dispatchEndpoint(ctx, attempts context.Context, w *worker, running *sync.WaitGroup) time.Duration {
	if wait := time.Until(w.spent); wait > 0 {
		return wait
	}
	for {
		select {
		case w.slots <- struct{}{}:
		default:
			return idle // a worker that becomes free wakes the dispatcher
		}
		item, pause, err := d.queue.claim(ctx, w.Endpoint)
		d.note(ctx, err)
		if item == nil {
			<-w.slots
			if err != nil {
				return faultPause
			}
			wait := min(pause.length, idle)
			if pause.spent {
				w.spent = time.Now().Add(wait)
			}
			return wait
		}
		running.Go(func() {
			defer func() { <-w.slots; offer(d.wake) }()
			d.attempt(attempts, w, *item)
		})
	}
}

// note logs when claims begin to fail and when they work again.
func (d *Dispatcher) note(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err != nil && !d.failing:
		d.failing = true
		d.log.WarnContext(ctx, "kos queue not served", "error", err)
	case err == nil && d.failing:
		d.failing = false
		d.log.InfoContext(ctx, "kos queue served again")
	}
}

// attempt has an item handled and writes down what that came to. What cannot be
// written is done again when the lease has ended.
func (d *Dispatcher) attempt(ctx context.Context, w *worker, item Item) {
	handling, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	outcome := safely(handling, w.handle, item)
	if outcome.kind == kindUnanswered && ctx.Err() != nil {
		outcome.kind = kindInterrupted
	}
	writing, done := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer done()
	err := d.conclude(writing, &item, outcome)
	if err != nil {
		outcome.kind = kindFailed
	}
	d.metrics.attempted(item, outcome.kind)
	if cause := errors.Join(outcome.cause, err); cause != nil && outcome.kind != kindInterrupted {
		d.log.WarnContext(ctx, "kos queue item not done", "endpoint", item.Endpoint, "class", item.Class.String(),
			"outcome", string(outcome.kind), "unanswered", item.unanswered, "error", cause)
	}
}

func (d *Dispatcher) conclude(ctx context.Context, item *Item, outcome Outcome) error {
	if !outcome.ends() {
		return d.queue.release(ctx, item, outcome)
	}
	err := d.queue.end(ctx, item, outcome)
	if err != nil {
		return errors.Join(err, d.queue.release(ctx, item, Failed(nil)))
	}
	return nil
}

// safely makes a failed outcome of a panic.
func safely(ctx context.Context, handle Handler, item Item) (outcome Outcome) {
	defer func() {
		if cause := recover(); cause != nil {
			outcome = Failed(fmt.Errorf("panic: %v\n%s", cause, debug.Stack()))
		}
	}()
	return handle(ctx, item)
}

// giveUp has overdue items ended until ctx ends.
func (d *Dispatcher) giveUp(ctx, attempts context.Context) {
	ticker := time.NewTicker(overdueEvery)
	defer ticker.Stop()
	for {
		for _, w := range d.endpoints {
			items, err := d.queue.overdue(ctx, w.Endpoint)
			if err != nil && ctx.Err() == nil {
				d.log.WarnContext(ctx, "overdue kos queue items not found", "error", err)
			}
			var ending errgroup.Group
			ending.SetLimit(w.Workers)
			for _, item := range items {
				ending.Go(func() error { d.attempt(attempts, w, item); return nil })
			}
			_ = ending.Wait() // attempts return no errors
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
