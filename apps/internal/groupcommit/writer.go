// Package groupcommit writes rows to a database in groups: rows that arrive
// during a commit form the next group. A single row is written at once; under
// load one commit writes hundreds.
package groupcommit

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Options configure a Writer. Zero values mean the defaults.
type Options[T any] struct {
	// Name is the kind of row, in metrics and logs.
	Name string
	// Flush writes a group in one transaction. It must be idempotent: a commit
	// whose confirmation was lost is repeated. It must not keep rows.
	Flush func(ctx context.Context, rows []T) error
	// Transient reports whether an error of Flush is caused by the database and not
	// by the rows. The rows are then retried.
	Transient func(err error) bool

	MaxGroup int           // rows per flush; default 500
	Buffer   int           // rows waiting at most; default 20,000
	MaxWait  time.Duration // how long Append waits for the commit; default 50 ms
	Pause    time.Duration // between retries; default 200 ms
}

func (o Options[T]) withDefaults() Options[T] {
	o.MaxGroup = cmp.Or(o.MaxGroup, 500)
	o.Buffer = cmp.Or(o.Buffer, 20_000)
	o.MaxWait = cmp.Or(o.MaxWait, 50*time.Millisecond)
	o.Pause = cmp.Or(o.Pause, 200*time.Millisecond)
	return o
}

// Writer writes rows of type T in groups.
type Writer[T any] struct {
	opts    Options[T]
	log     *slog.Logger
	metrics *Metrics
	rows    chan *entry[T]
	free    sync.Pool // of *entry[T] with a timer

	ctx     context.Context // of the writes
	cancel  context.CancelFunc
	stop    chan struct{}
	once    sync.Once
	stopped chan struct{}

	// Used by run only.
	lost   int // rows not written before cancel
	group  []*entry[T]
	values []T // of group
}

// New returns a writer, which writes nothing before Start.
func New[T any](opts Options[T], log *slog.Logger, metrics *Metrics) *Writer[T] {
	opts = opts.withDefaults()
	metrics.dropped(opts.Name, 0)                           // exported from the start: Prometheus does not see the increase to a first value
	ctx, cancel := context.WithCancel(context.Background()) //nolint:gosec // Stop calls it
	return &Writer[T]{
		opts: opts, log: log, metrics: metrics,
		rows:    make(chan *entry[T], opts.Buffer),
		ctx:     ctx,
		cancel:  cancel,
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
	}
}

// Append enqueues a row, waits at most MaxWait for its commit, and reports whether
// it is committed. If not, the row is still in the buffer, or was dropped and
// counted because the buffer is full.
func (w *Writer[T]) Append(ctx context.Context, row T) bool {
	e := w.entry(row)
	if !w.enqueue(ctx, e) {
		w.release(e)
		return false
	}
	select {
	case <-e.committed:
		w.release(e)
		return true
	case <-ctx.Done():
	case <-e.timer.C:
	}
	e.late.Store(true) // the writer still has it
	e.timer.Stop()
	return false
}

// Offer enqueues a row without waiting and reports whether it did. If not, the row
// was dropped and counted because the buffer is full.
func (w *Writer[T]) Offer(ctx context.Context, row T) bool {
	return w.enqueue(ctx, &entry[T]{row: row})
}

func (w *Writer[T]) enqueue(ctx context.Context, e *entry[T]) bool {
	select {
	case w.rows <- e:
		return true
	default:
		w.metrics.dropped(w.opts.Name, 1)
		w.log.ErrorContext(ctx, "history row dropped: buffer full", "kind", w.opts.Name)
		return false
	}
}

// Start writes rows in a goroutine until Stop.
func (w *Writer[T]) Start() { go w.run() }

// Stop writes the buffered rows and stops the writer. If ctx ends first, the
// remaining rows are lost and counted, and Stop returns an error. Append and Offer
// must not be called after Stop.
func (w *Writer[T]) Stop(ctx context.Context) error {
	w.once.Do(func() { close(w.stop) })
	defer w.cancel()
	select {
	case <-w.stopped:
		return nil
	case <-ctx.Done():
		w.cancel()
		<-w.stopped
		return fmt.Errorf("groupcommit %s: rows left unwritten: %w", w.opts.Name, ctx.Err())
	}
}

func (w *Writer[T]) run() {
	defer close(w.stopped)
	for {
		select {
		case first := <-w.rows:
			w.commit(w.gather(first))
		case <-w.stop:
			w.drain()
			return
		}
	}
}

// gather returns first and the rows that wait behind it, up to MaxGroup. The next call
// reuses its memory.
func (w *Writer[T]) gather(first *entry[T]) []*entry[T] {
	clear(w.group)
	group := append(w.group[:0], first)
	defer func() { w.group = group }()
	for len(group) < w.opts.MaxGroup {
		select {
		case next := <-w.rows:
			group = append(group, next)
		default:
			return group
		}
	}
	return group
}

// drain writes the remaining rows. Once the context is cancelled it counts them as
// lost instead.
func (w *Writer[T]) drain() {
	for {
		select {
		case first := <-w.rows:
			w.commit(w.gather(first))
		default:
			if w.lost > 0 {
				w.metrics.dropped(w.opts.Name, w.lost)
				w.log.Error("history rows lost: database unavailable at shutdown", "kind", w.opts.Name, "rows", w.lost)
			}
			return
		}
	}
}

// commit writes a group, retrying while the database is unavailable. If the
// database rejects the group, its rows are written one by one, so that only the
// bad ones are dropped.
func (w *Writer[T]) commit(group []*entry[T]) {
	w.metrics.waiting(w.opts.Name, len(w.rows)+len(group))
	err := w.flush(group)
	switch {
	case err == nil:
		w.confirm(group)
	case w.ctx.Err() != nil:
		w.lost += len(group)
	case len(group) > 1:
		for _, e := range group {
			w.commit([]*entry[T]{e})
		}
	default:
		w.metrics.dropped(w.opts.Name, 1)
		w.log.Error("history row dropped: rejected by the database", "kind", w.opts.Name, "error", err)
	}
	w.metrics.waiting(w.opts.Name, len(w.rows))
}

// confirm counts a committed group and wakes its Append calls.
func (w *Writer[T]) confirm(group []*entry[T]) {
	late := 0
	for _, e := range group {
		if e.late.Load() {
			late++
		}
	}
	w.metrics.committed(w.opts.Name, len(group), late)
	for _, e := range group {
		if e.committed != nil {
			e.committed <- struct{}{} // never blocks
		}
	}
}

// flush retries a group until it is committed, fails for a reason that is not
// transient, or the context ends.
func (w *Writer[T]) flush(group []*entry[T]) error {
	w.values = w.values[:0]
	for _, e := range group {
		w.values = append(w.values, e.row)
	}
	defer clear(w.values)
	for attempt := 0; w.ctx.Err() == nil; attempt++ {
		err := w.attempt(w.values)
		if err == nil || !w.opts.Transient(err) {
			return err
		}
		if attempt == 0 {
			w.log.Warn("history write failed", "kind", w.opts.Name, "error", err)
		}
		select {
		case <-w.ctx.Done():
		case <-time.After(w.opts.Pause):
		}
	}
	return w.ctx.Err()
}

// flushTimeout is the deadline of one attempt, so that a dead connection does not
// block the writer.
const flushTimeout = 5 * time.Second

func (w *Writer[T]) attempt(rows []T) error {
	ctx, cancel := context.WithTimeout(w.ctx, flushTimeout)
	defer cancel()
	return w.opts.Flush(ctx, rows)
}
