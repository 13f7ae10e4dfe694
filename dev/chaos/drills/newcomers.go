package drills

import (
	"context"
	"sync"
	"time"
)

// monthsEach is the number of months requested for each line, each once.
const monthsEach = 6

// newcomers arrive one by one, each with an inquiry of its own.
type newcomers struct {
	people []person
	months int // requested for each line

	mu    sync.Mutex
	all   []*Newcomer
	lives sync.WaitGroup
}

// come starts a newcomer at every interval until ctx ends or all inquiries are used up. They run
// until life ends.
func (n *newcomers) come(ctx, life context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for n.next(life) {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// next starts the next newcomer, and reports whether there was one.
func (n *newcomers) next(life context.Context) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	number := len(n.all)
	if number >= len(n.people)*n.months {
		return false
	}
	// Consecutive newcomers use different lines, and in each month half of them are asynchronous.
	p, back := n.people[number%len(n.people)], number/len(n.people)
	newcomer := &Newcomer{Async: (number+back)%2 == 1}
	n.all = append(n.all, newcomer)
	n.lives.Go(func() { newcomer.run(life, p, month(back)) })
	return true
}

// stories returns the results of all newcomers after they have ended.
func (n *newcomers) stories() []Newcomer {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]Newcomer, len(n.all))
	for i, newcomer := range n.all {
		all[i] = *newcomer
	}
	return all
}
