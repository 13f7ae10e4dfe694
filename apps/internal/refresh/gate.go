package refresh

import (
	"context"
	"sync"
	"time"
)

// Gate bounds how often somebody's demand makes a source be read at once,
// ahead of its time: one reading goes on at a time, whoever demands one
// meanwhile shares it, and the next may begin a pause after it has ended.
type Gate struct {
	pause time.Duration
	now   func() time.Time

	mu      sync.Mutex
	reading chan struct{} // closed when the reading ends; nil while there is none
	ended   time.Time     // when the last one did
	err     error         // what it came to
}

// NewGate returns a gate that keeps pause between readings.
func NewGate(pause time.Duration, now func() time.Time) *Gate {
	return &Gate{pause: pause, now: now}
}

// Again waits for one reading and returns its error. Within the pause it reads
// nothing and returns at once what the last reading came to. The reading is not
// ended by its caller's going away, because others may wait for it too: read
// must come to an end by itself.
func (g *Gate) Again(ctx context.Context, read func(context.Context) error) error {
	g.mu.Lock()
	if g.reading == nil && !g.ended.IsZero() && g.now().Sub(g.ended) < g.pause {
		defer g.mu.Unlock()
		return g.err
	}
	if g.reading == nil {
		g.reading = make(chan struct{})
		go g.run(context.WithoutCancel(ctx), read)
	}
	reading := g.reading
	g.mu.Unlock()
	select {
	case <-reading:
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *Gate) run(ctx context.Context, read func(context.Context) error) {
	err := read(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err, g.ended = err, g.now()
	close(g.reading)
	g.reading = nil
}
