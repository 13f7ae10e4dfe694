// Package groupcommit writes rows to a database in groups: rows that arrive
// while one group is being committed form the next one. A single row is
// written at once; under load one commit serves hundreds.
package groupcommit

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Options bound a Writer. The zero value of a field means its default.
type Options[T any] struct {
	// Name is the kind of row, in metrics and logs.
	Name string
	// Flush writes a group in one transaction. Repeating it with the same rows
	// must do no harm: a commit whose confirmation was lost is repeated.
	Flush func(ctx context.Context, rows []T) error
	// Transient reports whether a failure of Flush is the database's rather
	// than the rows' fault: the rows are then kept and written later.
	Transient func(err error) bool

	MaxGroup int           // rows a flush; default 500
	Buffer   int           // rows that may wait; default 20,000
	MaxWait  time.Duration // how long Append waits for the commit; default 50 ms
	Pause    time.Duration // between attempts while the database is away; default 200 ms
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

	ctx     context.Context // of the writes; ends when Stop gives up
	giveUp  context.CancelFunc
	stop    chan struct{}
	once    sync.Once
	stopped chan struct{}
	lost    int // rows given up, of the background's own
}

type entry[T any] struct {
	row       T
	committed chan struct{}
	late      atomic.Bool // nobody waits any more
}

// New returns a writer. It writes nothing before Start.
func New[T any](opts Options[T], log *slog.Logger, metrics *Metrics) *Writer[T] {
	opts = opts.withDefaults()
	ctx, giveUp := context.WithCancel(context.Background()) //nolint:gosec // Stop calls it
	return &Writer[T]{
		opts: opts, log: log, metrics: metrics,
		rows:    make(chan *entry[T], opts.Buffer),
		ctx:     ctx,
		giveUp:  giveUp,
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
	}
}

// Append hands over a row and waits until it is committed, but no longer than
// MaxWait: a slow database delays nobody. It reports whether the row is
// committed; if not, the row waits in the buffer, or was dropped and counted
// because the buffer is full.
func (w *Writer[T]) Append(ctx context.Context, row T) bool {
	e := &entry[T]{row: row, committed: make(chan struct{})}
	if !w.enqueue(ctx, e) {
		return false
	}
	timer := time.NewTimer(w.opts.MaxWait)
	defer timer.Stop()
	select {
	case <-e.committed:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	e.late.Store(true)
	return false
}

// Offer hands over a row and does not wait. It reports whether the row will be
// written as soon as the database takes it; if not, it was dropped and counted
// because the buffer is full.
func (w *Writer[T]) Offer(ctx context.Context, row T) bool {
	return w.enqueue(ctx, &entry[T]{row: row, committed: make(chan struct{})})
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

// Start begins to write in the background.
func (w *Writer[T]) Start() { go w.run() }

// Stop writes what is buffered and ends. It returns an error if ctx ends
// before that is done; the rows left are then lost and counted. Call Append and Offer
// no more.
func (w *Writer[T]) Stop(ctx context.Context) error {
	w.once.Do(func() { close(w.stop) })
	defer w.giveUp()
	select {
	case <-w.stopped:
		return nil
	case <-ctx.Done():
		w.giveUp()
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

// gather takes first and what else is waiting.
func (w *Writer[T]) gather(first *entry[T]) []*entry[T] {
	group := []*entry[T]{first}
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

// drain writes what is left, or counts it once Stop has given up.
func (w *Writer[T]) drain() {
	for {
		select {
		case first := <-w.rows:
			w.commit(w.gather(first))
		default:
			if w.lost > 0 {
				w.metrics.dropped(w.opts.Name, w.lost)
				w.log.Error("history rows lost: the database did not come back in time", "kind", w.opts.Name, "rows", w.lost)
			}
			return
		}
	}
}

// commit writes a group, waiting for the database as long as it is away. A
// group that the database refuses is written row by row, so that one bad row
// takes no others with it.
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
		w.log.Error("history row dropped: not taken by the database", "kind", w.opts.Name, "error", err)
	}
	w.metrics.waiting(w.opts.Name, len(w.rows))
}

// confirm tells those who wait for a group that it is committed.
func (w *Writer[T]) confirm(group []*entry[T]) {
	late := 0
	for _, e := range group {
		if e.late.Load() {
			late++
		}
	}
	w.metrics.committed(w.opts.Name, len(group), late)
	for _, e := range group {
		close(e.committed)
	}
}

// flush repeats a group until the database took it or refused it.
func (w *Writer[T]) flush(group []*entry[T]) error {
	rows := make([]T, len(group))
	for i, e := range group {
		rows[i] = e.row
	}
	for attempt := 0; w.ctx.Err() == nil; attempt++ {
		err := w.attempt(rows)
		if err == nil || !w.opts.Transient(err) {
			return err
		}
		if attempt == 0 {
			w.log.Warn("history waits for the database", "kind", w.opts.Name, "error", err)
		}
		select {
		case <-w.ctx.Done():
		case <-time.After(w.opts.Pause):
		}
	}
	return w.ctx.Err()
}

// flushTimeout bounds one attempt, so that a connection which died silently is
// given up.
const flushTimeout = 5 * time.Second

func (w *Writer[T]) attempt(rows []T) error {
	ctx, cancel := context.WithTimeout(w.ctx, flushTimeout)
	defer cancel()
	return w.opts.Flush(ctx, rows)
}
