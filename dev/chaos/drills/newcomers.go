package drills

import (
	"context"
	"sync"
	"time"
)

// monthsEach is how many months a newcomer's line is asked about, each once.
const monthsEach = 6

// newcomers come one after the other, each with a question of its own.
type newcomers struct {
	people []person
	months int // that are asked for of each line

	mu    sync.Mutex
	all   []*Newcomer
	lives sync.WaitGroup
}

// come lets one come at every interval until ctx ends or there is no question
// left; it returns then. They live until their own context ends.
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

// next lets the next one come, and reports whether there was one.
func (n *newcomers) next(life context.Context) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	number := len(n.all)
	if number >= len(n.people)*n.months {
		return false
	}
	// Neighbours in time ask about different lines, and in each month half of
	// them do not wait.
	p, back := n.people[number%len(n.people)], number/len(n.people)
	newcomer := &Newcomer{Async: (number+back)%2 == 1}
	n.all = append(n.all, newcomer)
	n.lives.Go(func() { newcomer.live(life, p, month(back)) })
	return true
}

// stories returns what became of all. Nobody may live any more.
func (n *newcomers) stories() []Newcomer {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]Newcomer, len(n.all))
	for i, newcomer := range n.all {
		all[i] = *newcomer
	}
	return all
}
