package chaos

import (
	"context"
	"sync"
)

// progress counts the requests that are accepted or refused.
type progress struct {
	mu    sync.Mutex
	count int
	grown chan struct{} // closed when count has increased
}

func newProgress() *progress { return &progress{grown: make(chan struct{})} }

func (p *progress) add() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	close(p.grown)
	p.grown = make(chan struct{})
}

// reach waits until the count is reached.
func (p *progress) reach(ctx context.Context, count int) error {
	for {
		p.mu.Lock()
		enough, grown := p.count >= count, p.grown
		p.mu.Unlock()
		if enough {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grown:
		}
	}
}
