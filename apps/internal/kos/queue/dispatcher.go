package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"
)

// Handler processes a claimed item. It returns soon after ctx ends, by the timeout of the
// endpoint or by a stop.
type Handler func(ctx context.Context, item Item) Outcome

// Dispatcher claims items for this replica and hands them to workers.
type Dispatcher struct {
	queue     *Queue
	endpoints []*worker
	metrics   *Metrics
	log       *slog.Logger
	tracer    trace.Tracer
	wake      chan struct{}
	listening atomic.Bool // to the notifications of other replicas
	failing   bool
}

// worker is the state of a dispatcher for one endpoint.
type worker struct {
	*Endpoint

	handle    Handler
	slots     chan struct{} // has one element for each busy worker
	notBefore time.Time     // no claims before then, even if items are enqueued
}

// NewDispatcher returns a dispatcher with a handler for each endpoint. Its claims and writes
// use the connections of q. See Queue.On.
func NewDispatcher(q *Queue, handlers map[string]Handler, metrics *Metrics, log *slog.Logger, tracer trace.Tracer) *Dispatcher {
	d := &Dispatcher{queue: q, metrics: metrics, log: log, tracer: tracer, wake: make(chan struct{}, 1)}
	for _, name := range q.names {
		e := q.endpoints[name]
		d.endpoints = append(d.endpoints, &worker{Endpoint: e, handle: handlers[name], slots: make(chan struct{}, e.Workers)})
	}
	return d
}

const (
	// pollInterval is how often the queue is polled while notifications are not received.
	pollInterval = 500 * time.Millisecond
	// claimBackoff is how long the dispatcher waits after a failed claim.
	claimBackoff = time.Second
	// overdueInterval is how often overdue items are claimed.
	overdueInterval = 30 * time.Second
	// drainTimeout is how long attempts continue after a stop. Longer ones are cancelled, and
	// another replica may claim their items at once.
	drainTimeout = 3 * time.Second
	// writeTimeout bounds the write of an outcome, also after a stop.
	writeTimeout = 3 * time.Second
)

// Run dispatches until ctx ends. It returns when all running attempts have ended.
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
	stopped := time.AfterFunc(drainTimeout, interrupt)
	defer stopped.Stop()
	running.Wait()
}

// dispatch starts all attempts that can start now and returns how long to wait.
func (d *Dispatcher) dispatch(ctx, attempts context.Context, running *sync.WaitGroup) time.Duration {
	wait := idle
	for _, w := range d.endpoints {
		wait = min(wait, d.dispatchEndpoint(ctx, attempts, w, running))
	}
	if !d.listening.Load() {
		return min(wait, pollInterval)
	}
	return wait
}

func (d *Dispatcher) dispatchEndpoint(ctx, attempts context.Context, w *worker, running *sync.WaitGroup) time.Duration {
	if wait := time.Until(w.notBefore); wait > 0 {
		return wait
	}
	for {
		select {
		case w.slots <- struct{}{}:
		default:
			return idle // a worker that ends wakes the dispatcher
		}
		item, pause, err := d.queue.claim(ctx, w.Endpoint)
		d.logClaimResult(ctx, err)
		if item == nil {
			<-w.slots
			if err != nil {
				return claimBackoff
			}
			wait := min(pause.length, idle)
			if pause.spent {
				w.notBefore = time.Now().Add(wait)
			}
			return wait
		}
		running.Go(func() {
			defer func() { <-w.slots; offer(d.wake) }()
			d.attempt(attempts, w, *item)
		})
	}
}

// logClaimResult logs when claims begin to fail and when they succeed again.
func (d *Dispatcher) logClaimResult(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err != nil && !d.failing:
		d.failing = true
		d.log.WarnContext(ctx, "kos queue claims failed", "error", err)
	case err == nil && d.failing:
		d.failing = false
		d.log.InfoContext(ctx, "kos queue claims succeed again")
	}
}

// attempt handles an item and writes the outcome. If the outcome cannot be written, the
// item is claimed again when its lease expires.
func (d *Dispatcher) attempt(ctx context.Context, w *worker, item Item) {
	traced, span := d.startAttempt(ctx, &item)
	handling, cancel := context.WithTimeout(traced, w.Timeout)
	defer cancel()
	outcome := safely(handling, w.handle, item)
	if outcome.kind == kindUnanswered && ctx.Err() != nil {
		outcome.kind = kindInterrupted
	}
	writing, done := context.WithTimeout(context.WithoutCancel(traced), writeTimeout)
	defer done()
	err := d.conclude(writing, &item, outcome)
	if err != nil {
		outcome.kind = kindFailed
	}
	d.metrics.attempted(item, outcome.kind)
	endAttempt(span, outcome)
	d.log.DebugContext(traced, "kos queue item attempted", "endpoint", item.Endpoint, "class", item.Class.String(), "outcome", string(outcome.kind))
	if cause := errors.Join(outcome.cause, err); cause != nil && outcome.kind != kindInterrupted {
		d.log.WarnContext(traced, "kos queue attempt failed", "endpoint", item.Endpoint, "class", item.Class.String(),
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

// safely calls a handler and returns its panic as a failed outcome.
func safely(ctx context.Context, handle Handler, item Item) (outcome Outcome) {
	defer func() {
		if cause := recover(); cause != nil {
			outcome = Failed(fmt.Errorf("panic: %v\n%s", cause, debug.Stack()))
		}
	}()
	return handle(ctx, item)
}

// giveUp hands overdue items to their handlers until ctx ends.
func (d *Dispatcher) giveUp(ctx, attempts context.Context) {
	ticker := time.NewTicker(overdueInterval)
	defer ticker.Stop()
	for {
		for _, w := range d.endpoints {
			items, err := d.queue.overdue(ctx, w.Endpoint)
			if err != nil && ctx.Err() == nil {
				d.log.WarnContext(ctx, "kos queue search for overdue items failed", "error", err)
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
