package readthrough_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
)

// text is a value of the source.
type text struct {
	text       string
	at         time.Time
	definitive bool
}

func (v text) AnsweredAt() time.Time { return v.at }
func (v text) Definitive() bool      { return v.definitive }

var (
	errNone   = errors.New("no such value")
	errBroken = errors.New("broken")
)

// world has the stores, the queue and the source of a ReadThrough, on a fake clock. The
// source answers after delay, or never if out is set.
type world struct {
	t      *testing.T
	reader *readthrough.Reader[string, text]
	read   *readthrough.ReadThrough[string, text]

	mu      sync.Mutex
	cached  map[string]text
	archive map[string]text
	broken  bool // the stores keep and have nothing

	answer        text
	err           error
	delay         time.Duration
	ahead         int
	out, busy     bool
	aside         bool // the fetch is set aside instead of ended
	full          bool
	panics        bool
	faults        int // of the queue, before it works
	enqueueing    time.Duration
	enqueued      int
	enqueuedAhead int
	waiters       []chan struct{}
	queued        bool
}

const key = "key"

func onClock(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, cached: map[string]text{}, archive: map[string]text{}, delay: 300 * time.Millisecond}
		w.reader = readthrough.NewReader[string, text](w, time.Now, slog.New(slog.DiscardHandler))
		w.read = readthrough.New(w.reader, readthrough.Queue[string](w), 45*time.Minute, time.Now)
		test(w)
		synctest.Wait()
	})
}

func (w *world) Cached(ctx context.Context, key string, load func(context.Context) (text, error)) (text, error) {
	w.mu.Lock()
	held, ok := w.cached[key]
	ok = ok && !w.broken
	w.mu.Unlock()
	if ok {
		return held, nil
	}
	got, err := load(ctx)
	w.set(func() {
		if err == nil && !w.broken {
			w.cached[key] = got
		}
	})
	return got, err
}

func (w *world) Archived(_ context.Context, key string) (text, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		return text{}, errBroken
	}
	if held, ok := w.archive[key]; ok {
		return held, nil
	}
	return text{}, readthrough.ErrMiss
}

func (*world) Negative(err error) bool { return errors.Is(err, errNone) }

func (w *world) Enqueue(context.Context, string) (int, error) {
	<-time.After(w.enqueueing)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.faults--; w.faults >= 0 {
		return 0, errBroken
	}
	if w.panics {
		panic("a bug")
	}
	if w.full {
		return 0, readthrough.ErrFull
	}
	w.enqueued++
	w.queued = true
	time.AfterFunc(w.delay, w.end)
	return w.ahead, nil
}

// end is the worker: it stores and notes the answer, and wakes those that wait.
func (w *world) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.aside {
		w.queued = false
		answer := w.answer
		answer.at = time.Now()
		if w.err == nil && !w.broken {
			w.archive[key], w.cached[key] = answer, answer
		}
		w.reader.NoteAnswer(key, w.reader.Mark(), readthrough.Answer[text]{Value: answer, Err: w.err})
	}
	for _, waiter := range w.waiters {
		select {
		case waiter <- struct{}{}:
		default:
		}
	}
}

func (w *world) EnqueueAhead(context.Context, string) error {
	w.set(func() { w.enqueuedAhead++ })
	return nil
}

func (w *world) Callable(context.Context, string) (bool, error) { return !w.out, nil }

func (w *world) Busy(context.Context, string) (bool, error) { return w.busy, nil }

func (w *world) Standing(context.Context, string) (readthrough.Standing, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.queued {
		return readthrough.Standing{}, readthrough.ErrNotQueued
	}
	return readthrough.Standing{Ahead: w.ahead, Unavailable: w.aside}, nil
}

func (w *world) Await(string) (<-chan struct{}, func()) {
	own := make(chan struct{}, 1)
	w.set(func() { w.waiters = append(w.waiters, own) })
	return own, func() {}
}

// set changes the world.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// get reads the value and wants it within a duration.
func (w *world) get(want string, stale bool, within time.Duration) {
	w.t.Helper()
	start := time.Now()
	got, err := w.read.Get(w.t.Context(), key, time.Time{})
	if took := time.Since(start); err != nil || got.Value.text != want || got.Stale != stale || took > within {
		w.t.Errorf("after %s: %q, stale %t, %v; want %q, stale %t, within %s", took, got.Value.text, got.Stale, err, want, stale, within)
	}
}

func TestStaleValue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given time.Duration // age of the archived value
		set   func(w *world)
		want  string
		stale bool
		in    time.Duration
		calls int
	}{
		"is replaced":                            {time.Hour, func(*world) {}, "new", false, 300 * time.Millisecond, 1},
		"is served if the source is slow":        {time.Hour, func(w *world) { w.delay = time.Minute }, "old", true, readthrough.SoftTimeout, 1},
		"is served at once behind others":        {time.Hour, func(w *world) { w.ahead = 1 }, "old", true, 0, 1},
		"is served at once in an outage":         {time.Hour, func(w *world) { w.out = true }, "old", true, 0, 0},
		"is served at once if the queue is full": {time.Hour, func(w *world) { w.full = true }, "old", true, 0, 0},
		"is served if the fetch is set aside":    {time.Hour, func(w *world) { w.aside = true }, "old", true, 300 * time.Millisecond, 1},
		"is fresh for minutes while others wait": {time.Minute, func(w *world) { w.busy = true }, "old", false, 0, 0},
		"is stale after that":                    {time.Hour, func(w *world) { w.busy, w.ahead = true, 1 }, "old", true, 0, 1},
		"is not fresh in an outage":              {time.Minute, func(w *world) { w.busy, w.out = true, true }, "old", true, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, func(w *world) {
				w.archive[key], w.answer = text{text: "old", at: time.Now()}, text{text: "new"}
				bubble.Advance(c.given)
				c.set(w)
				w.get(c.want, c.stale, c.in)
				if w.enqueued != c.calls {
					t.Errorf("%d fetches", w.enqueued)
				}
				bubble.Advance(time.Hour)
			})
		})
	}
}

// A stale value costs one enqueued refresh and no reads of the stores for some seconds.
func TestStaleValueIsServedFromMemory(t *testing.T) {
	t.Parallel()
	onClock(t, func(w *world) {
		w.archive[key] = text{text: "old", at: time.Now()}
		bubble.Advance(time.Hour)
		w.delay, w.ahead, w.answer = time.Minute, 1, text{text: "new"}
		w.get("old", true, 0)
		w.set(func() { w.broken = true })
		for range 4 {
			bubble.Advance(time.Second)
			w.get("old", true, 0)
		}
		w.set(func() { w.broken = false })
		w.end() // the answer ends the memory
		w.get("new", false, 0)
		if w.enqueued != 1 {
			t.Errorf("%d fetches", w.enqueued)
		}
		bubble.Advance(time.Hour)
	})
}

func TestEvictedValueIsReadAnew(t *testing.T) {
	t.Parallel()
	onClock(t, func(w *world) {
		w.archive[key] = text{text: "old", at: time.Now()}
		bubble.Advance(time.Hour)
		w.out = true
		w.get("old", true, 0)
		w.archive[key] = text{text: "other", at: time.Now(), definitive: true}
		w.get("old", true, 0)
		w.reader.Evict(func(k string) bool { return k == key })
		w.get("other", false, 0)
	})
}

// A value that is invalidated while its refresh is awaited is not served, nor remembered.
func TestValueInvalidatedDuringItsRefreshIsNotServed(t *testing.T) {
	t.Parallel()
	onClock(t, func(w *world) {
		w.archive[key] = text{text: "old", at: time.Now()}
		bubble.Advance(time.Hour)
		w.delay, w.answer = time.Minute, text{text: "new"}
		time.AfterFunc(500*time.Millisecond, func() {
			w.set(func() { delete(w.archive, key) })
			w.reader.Evict(func(k string) bool { return k == key })
		})
		for range 2 {
			if got, err := w.read.Get(w.t.Context(), key, time.Time{}); !errors.Is(err, readthrough.ErrMiss) {
				t.Errorf("got %+v, %v", got, err)
			}
		}
		bubble.Advance(time.Hour)
	})
}

func TestDefinitiveValueIsNeverStale(t *testing.T) {
	t.Parallel()
	onClock(t, func(w *world) {
		w.archive[key] = text{text: "final", at: time.Now(), definitive: true}
		bubble.Advance(1000 * time.Hour)
		w.get("final", false, 0)
		if w.enqueued+w.enqueuedAhead != 0 {
			t.Errorf("%d fetches, %d ahead", w.enqueued, w.enqueuedAhead)
		}
	})
}

func TestValueIsRefreshedAheadOnceInAWhile(t *testing.T) {
	t.Parallel()
	onClock(t, func(w *world) {
		w.cached[key] = text{text: "hot", at: time.Now()}
		for _, c := range []struct {
			after time.Duration
			ahead int
		}{{10 * time.Minute, 0}, {36 * time.Minute, 1}, {time.Minute, 1}, {6 * time.Minute, 2}} {
			bubble.Advance(c.after)
			w.get("hot", false, 0)
			if w.enqueuedAhead != c.ahead {
				t.Errorf("%d refreshes ahead, want %d", w.enqueuedAhead, c.ahead)
			}
		}
	})
}

// The worker of a second fetch uses the latest answer, which no store has. It is the answer
// of the read that waits for that fetch too.
func TestLatestAnswerIsFreshWithoutStores(t *testing.T) {
	t.Parallel()
	onClock(t, func(w *world) {
		w.broken = true
		w.reader.NoteAnswer(key, w.reader.Mark(), readthrough.Answer[text]{Err: errNone})
		bubble.Advance(time.Second)
		for _, since := range []time.Time{{}, time.Now()} {
			if got, err := w.reader.Find(w.t.Context(), key, since); !errors.Is(err, errNone) {
				t.Errorf("since %s: %+v, %v", since, got, err)
			}
		}
		bubble.Advance(2 * time.Second)
		if got, err := w.reader.Find(w.t.Context(), key, time.Time{}); !errors.Is(err, readthrough.ErrMiss) {
			t.Errorf("later: %+v, %v", got, err)
		}
	})
}

// A value that the source may have given before the value was invalidated is not noted. A
// negative answer is.
func TestAnswerFromBeforeAnEvictionIsNotNoted(t *testing.T) {
	t.Parallel()
	onClock(t, func(w *world) {
		w.broken = true
		evict := func(evicted string) {
			w.reader.Evict(func(k string) bool { return k == evicted })
		}
		before := w.reader.Mark()
		evict("another")
		w.reader.NoteAnswer(key, before, readthrough.Answer[text]{Value: text{text: "kept"}})
		if got, err := w.reader.Find(w.t.Context(), key, time.Time{}); err != nil || got.Value.text != "kept" {
			t.Errorf("%+v, %v", got, err)
		}
		evict(key)
		w.reader.NoteAnswer(key, before, readthrough.Answer[text]{Value: text{text: "old"}})
		if got, err := w.reader.Find(w.t.Context(), key, time.Time{}); !errors.Is(err, readthrough.ErrMiss) {
			t.Errorf("%+v, %v", got, err)
		}
		w.reader.NoteAnswer(key, before, readthrough.Answer[text]{Err: errNone})
		if got, err := w.reader.Find(w.t.Context(), key, time.Time{}); !errors.Is(err, errNone) {
			t.Errorf("%+v, %v", got, err)
		}
		bubble.Advance(time.Minute)
		for range 2_000 {
			evict("another")
		}
		w.reader.NoteAnswer(key, before, readthrough.Answer[text]{Value: text{text: "old"}}) // older than what is remembered
		if got, err := w.reader.Find(w.t.Context(), key, time.Time{}); !errors.Is(err, readthrough.ErrMiss) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// A worker uses the latest answer if it is fresh, instead of a call.
func TestRecentAnswer(t *testing.T) {
	t.Parallel()
	onClock(t, func(w *world) {
		if _, found := w.reader.Recent(w.t.Context(), key); found {
			t.Error("found an answer that there is not")
		}
		w.archive[key] = text{text: "old", at: time.Now()}
		bubble.Advance(time.Hour)
		if got, found := w.reader.Recent(w.t.Context(), key); found {
			t.Errorf("a stale value is recent: %+v", got)
		}
		w.reader.NoteAnswer(key, w.reader.Mark(), readthrough.Answer[text]{Err: errBroken})
		if _, found := w.reader.Recent(w.t.Context(), key); found {
			t.Error("a fault is an answer")
		}
		w.reader.NoteAnswer(key, w.reader.Mark(), readthrough.Answer[text]{Err: errNone})
		if got, found := w.reader.Recent(w.t.Context(), key); !found || !errors.Is(got.Err, errNone) {
			t.Errorf("%+v, %t", got, found)
		}
		bubble.Advance(time.Minute)
		w.cached[key] = text{text: "cached", at: time.Now()}
		if got, found := w.reader.Recent(w.t.Context(), key); !found || got.Value.text != "cached" {
			t.Errorf("%+v, %t", got, found)
		}
	})
}
