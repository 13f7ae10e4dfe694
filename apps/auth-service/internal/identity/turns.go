package identity

import (
	"context"
	"sync"
)

// turns lets those who change the same session do so one after the other. The
// store would sort them out as well, but by conflicts, and to a sidecar's
// circuit breaker many conflicts look like a store that fails: then one client
// that refreshes in parallel would lock out everybody. The zero value is ready
// for use.
type turns struct {
	mu    sync.Mutex
	lines map[string]*line
}

// line is who waits for a session.
type line struct {
	turn   chan struct{} // holds a token while it is somebody's turn
	people int           // the one whose turn it is among them
}

// take waits for the caller's turn at a session. The caller must call done
// afterwards. It returns the context's error if that ends first.
func (t *turns) take(ctx context.Context, id string) (done func(), err error) {
	l := t.join(id)
	select {
	case l.turn <- struct{}{}:
		return func() {
			<-l.turn
			t.leave(id, l)
		}, nil
	case <-ctx.Done():
		t.leave(id, l)
		return nil, ctx.Err()
	}
}

func (t *turns) join(id string) *line {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.lines[id]
	if !ok {
		if t.lines == nil {
			t.lines = make(map[string]*line)
		}
		l = &line{turn: make(chan struct{}, 1)}
		t.lines[id] = l
	}
	l.people++
	return l
}

func (t *turns) leave(id string, l *line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.people--; l.people == 0 {
		delete(t.lines, id)
	}
}
