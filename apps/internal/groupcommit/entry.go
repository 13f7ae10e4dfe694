package groupcommit

import (
	"sync/atomic"
	"time"
)

// entry is a row in the buffer. Once its commit is confirmed, Append may reuse it.
type entry[T any] struct {
	row       T
	committed chan struct{} // receives once; nil if nothing waits for the commit
	timer     *time.Timer
	late      atomic.Bool // Append has returned
}

// entry returns an entry whose timer runs.
func (w *Writer[T]) entry(row T) *entry[T] {
	e, ok := w.free.Get().(*entry[T])
	if !ok {
		return &entry[T]{row: row, committed: make(chan struct{}, 1), timer: time.NewTimer(w.opts.MaxWait)}
	}
	e.row = row
	e.timer.Reset(w.opts.MaxWait)
	return e
}

// release keeps an entry that the writer does not use any more.
func (w *Writer[T]) release(e *entry[T]) {
	var none T
	e.row = none // may hold personal data
	e.timer.Stop()
	w.free.Put(e)
}
