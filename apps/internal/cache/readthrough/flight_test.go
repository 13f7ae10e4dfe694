package readthrough_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/spantest"
)

// Concurrent reads of one key cost one enqueueing.
func TestConcurrentReadsShareOneFetch(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{false, true} {
		onClock(t, func(w *world) {
			if known {
				w.archive[key] = text{text: "old", at: time.Now()}
			}
			bubble.Advance(time.Hour)
			w.answer = text{text: "new"}
			var group sync.WaitGroup
			for range 200 {
				group.Go(func() {
					got, err := w.read.Get(w.t.Context(), key, time.Time{})
					if errors.Is(err, readthrough.ErrMiss) {
						got, err = w.read.Fetch(w.t.Context(), key, false)
					}
					if err != nil || got.Stale || got.Value.text != "new" {
						t.Errorf("%+v, %v", got, err)
					}
				})
			}
			group.Wait()
			if w.enqueued != 1 {
				t.Errorf("%d fetches", w.enqueued)
			}
		})
	}
}

// The span of a fetch is in the trace of its first read and linked to the others.
func TestFetchIsLinkedToAllReads(t *testing.T) {
	t.Parallel()
	onClock(t, func(w *world) {
		w.delay, w.answer = time.Second, text{text: "new"}
		spans := spantest.New(t)
		var (
			group sync.WaitGroup
			reads []trace.Span
		)
		for range 3 {
			ctx, span := spans.Tracer.Start(w.t.Context(), "read")
			reads = append(reads, span)
			group.Go(func() {
				defer span.End()
				if _, err := w.read.Fetch(ctx, key, false); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		group.Wait()
		synctest.Wait()
		fetch := spans.Find("wait for source")
		if links := fetch.Links(); fetch.Parent().SpanID() != reads[0].SpanContext().SpanID() || len(links) != 2 ||
			links[0].SpanContext.TraceID() != reads[1].SpanContext().TraceID() || links[1].SpanContext.TraceID() != reads[2].SpanContext().TraceID() {
			t.Errorf("parent %+v, links %+v", fetch.Parent(), links)
		}
	})
}

// Without reads that wait, nothing of a fetch is left in the process. It stays queued.
func TestFlightEndsWithItsLastRead(t *testing.T) {
	t.Parallel()
	onClock(t, func(w *world) {
		w.delay, w.answer = time.Hour, text{text: "new"}
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := w.read.Fetch(ctx, key, false); err == nil {
			t.Error("there is no answer yet")
		}
		synctest.Wait()
		if took := time.Since(start); took != time.Second || !w.queued {
			t.Errorf("after %s, queued %t", took, w.queued)
		}
	}) // the bubble ends at once: it has no goroutine that waits
}

// A client that leaves does not end the fetch of the others.
func TestFetchOutlivesItsFirstClient(t *testing.T) {
	t.Parallel()
	onClock(t, func(w *world) {
		w.delay, w.answer = 3*time.Second, text{text: "new"}
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := w.read.Fetch(ctx, key, false); err == nil {
				t.Error("the client that left got an answer")
			}
		})
		synctest.Wait()
		if got, err := w.read.Fetch(w.t.Context(), key, false); err != nil || got.Value.text != "new" || w.enqueued != 1 {
			t.Errorf("%+v, %v after %d fetches", got, err, w.enqueued)
		}
		group.Wait()
	})
}

func TestFetch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set   func(w *world)
		async bool
		err   error
		in    time.Duration
	}{
		"returns the answer":                  {func(*world) {}, false, nil, 300 * time.Millisecond},
		"returns the answer without stores":   {func(w *world) { w.broken = true }, false, nil, 300 * time.Millisecond},
		"returns a negative answer":           {func(w *world) { w.err = errNone }, false, errNone, 300 * time.Millisecond},
		"ends when fetches are given up":      {func(w *world) { w.err = errBroken }, false, readthrough.ErrUnseen, 600 * time.Millisecond},
		"ends when the fetch is set aside":    {func(w *world) { w.aside = true }, false, readthrough.ErrOutage, 300 * time.Millisecond},
		"is refused in an outage":             {func(w *world) { w.out = true }, false, readthrough.ErrOutage, 0},
		"is refused by a full queue":          {func(w *world) { w.full = true }, false, readthrough.ErrFull, 0},
		"asynchronous is queued in an outage": {func(w *world) { w.out = true }, true, nil, 300 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, func(w *world) {
				w.answer = text{text: "new"}
				c.set(w)
				start := time.Now()
				got, err := w.read.Fetch(w.t.Context(), key, c.async)
				if took := time.Since(start); !errors.Is(err, c.err) || err == nil && (got.Value.text != "new" || got.Stale) || took != c.in {
					t.Errorf("after %s: %+v, %v", took, got, err)
				}
				bubble.Advance(time.Hour)
			})
		})
	}
}

// The value was invalidated while it was fetched: it is fetched anew.
func TestFetchIsRepeatedAfterAnInvalidation(t *testing.T) {
	t.Parallel()
	onClock(t, func(w *world) {
		w.err = errBroken // nothing is stored
		time.AfterFunc(400*time.Millisecond, func() { w.set(func() { w.err, w.answer = nil, text{text: "new"} }) })
		if got, err := w.read.Fetch(w.t.Context(), key, false); err != nil || got.Value.text != "new" || w.enqueued != 2 {
			t.Errorf("%+v, %v after %d fetches", got, err, w.enqueued)
		}
	})
}

func TestFetchReturnsThePositionWhenTheWaitIsOver(t *testing.T) {
	t.Parallel()
	for _, async := range []bool{false, true} {
		onClock(t, func(w *world) {
			w.delay, w.ahead = time.Minute, 7
			ctx, cancel := context.WithTimeout(w.t.Context(), 7*time.Second)
			defer cancel()
			_, err := w.read.Fetch(ctx, key, async)
			queued, ok := errors.AsType[*readthrough.QueuedError](err)
			if !ok || queued.Ahead != 7 || w.enqueued != 1 {
				t.Errorf("got %v", err)
			}
			bubble.Advance(time.Hour)
		})
	}
}

// A fault of the database fails the read that met it. The reads that wait with it try again.
func TestFaultFailsOneReadOnly(t *testing.T) {
	t.Parallel()
	onClock(t, func(w *world) {
		w.answer, w.faults, w.enqueueing = text{text: "new"}, 1, 10*time.Millisecond
		var (
			group  sync.WaitGroup
			failed atomic.Int32
		)
		for range 100 {
			group.Go(func() {
				switch got, err := w.read.Fetch(w.t.Context(), key, false); {
				case errors.Is(err, errBroken):
					failed.Add(1)
				case err != nil, got.Value.text != "new":
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
		group.Wait()
		if failed.Load() != 1 || w.enqueued != 1 {
			t.Errorf("%d reads failed, %d fetches", failed.Load(), w.enqueued)
		}
	})
}

// A panic of a store or of the queue ends the read, not the process.
func TestPanicFailsTheFetch(t *testing.T) {
	t.Parallel()
	onClock(t, func(w *world) {
		w.panics = true
		if _, err := w.read.Fetch(w.t.Context(), key, false); err == nil || !strings.Contains(err.Error(), "a bug") {
			t.Errorf("got %v", err)
		}
	})
}
