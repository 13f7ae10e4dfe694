package identity

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// turns lets those who change the same thing do so one after the other, such as
// a session: the store would sort them out as well, but by conflicts, and to a
// sidecar's circuit breaker many conflicts look like a store that fails: then
// one client that refreshes in parallel would lock out everybody. The zero value
// is ready for use.
type turns struct {
	mu    sync.Mutex
	lines map[string]*line
	held  time.Duration // how long a turn takes: a moving average
}

// maxLine is how long a line may be. Nobody honest is in a longer one, and each
// who waits takes one of the requests that the service works on at once.
const maxLine = 32

// line is who waits for a turn.
type line struct {
	turn   chan struct{} // holds a token while it is somebody's turn
	people int           // the one whose turn it is among them
}

// take waits for the caller's turn at what has the id. The caller must call done
// afterwards. It returns ErrCrowd at once if the line is too long, and the
// context's error if that ends first.
func (t *turns) take(ctx context.Context, id string) (done func(), err error) {
	l, ok := t.join(id)
	if !ok {
		return nil, t.crowd(id)
	}
	select {
	case l.turn <- struct{}{}:
		start := time.Now()
		return func() {
			t.observe(time.Since(start))
			<-l.turn
			t.leave(id, l)
		}, nil
	case <-ctx.Done():
		t.leave(id, l)
		return nil, ctx.Err()
	}
}

func (t *turns) observe(held time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held += (held - t.held) / 10
}

// crowd returns ErrCrowd with the time to come back: when those who wait will have
// had their turns, or up to as long again, at random.
func (t *turns) crowd(id string) *problem.Error {
	t.mu.Lock()
	defer t.mu.Unlock()
	people := 1
	if l, ok := t.lines[id]; ok {
		people = l.people
	}
	wait := float64(people) * t.held.Seconds() * (1 + rand.Float64()) //nolint:gosec // jitter is no secret
	return ErrCrowd.After(time.Duration(max(1, math.Ceil(wait))) * time.Second)
}

func (t *turns) join(id string) (l *line, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok = t.lines[id]
	if !ok {
		if t.lines == nil {
			t.lines = make(map[string]*line)
		}
		l = &line{turn: make(chan struct{}, 1)}
		t.lines[id] = l
	}
	if l.people == maxLine {
		return nil, false
	}
	l.people++
	return l, true
}

func (t *turns) leave(id string, l *line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.people--; l.people == 0 {
		delete(t.lines, id)
	}
}
