package refresh

import (
	"context"
	"sync"
	"time"
)

// Gate limits on-demand refreshes of a source: concurrent callers share one refresh
// (single flight), and the next starts no sooner than a pause after its end.
type Gate struct {
	pause time.Duration
	now   func() time.Time

	mu    sync.Mutex
	done  chan struct{} // closed when the refresh ends; nil if none is running
	ended time.Time     // end of the last refresh
	err   error         // its result
}

// NewGate returns a gate with a pause between refreshes.
func NewGate(pause time.Duration, now func() time.Time) *Gate {
	return &Gate{pause: pause, now: now}
}

// Do calls refresh, or waits for a running call, and returns its error. Within the
// pause it returns the result of the last call at once. The end of ctx ends the wait
// but not refresh, as others may wait for it; refresh needs its own timeout.
func (g *Gate) Do(ctx context.Context, refresh func(context.Context) error) error {
	g.mu.Lock()
	if g.done == nil && !g.ended.IsZero() && g.now().Sub(g.ended) < g.pause {
		defer g.mu.Unlock()
		return g.err
	}
	if g.done == nil {
		g.done = make(chan struct{})
		go g.run(context.WithoutCancel(ctx), refresh)
	}
	done := g.done
	g.mu.Unlock()
	select {
	case <-done:
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *Gate) run(ctx context.Context, refresh func(context.Context) error) {
	err := refresh(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err, g.ended = err, g.now()
	close(g.done)
	g.done = nil
}
