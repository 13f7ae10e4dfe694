package bill

import (
	"sync"
	"time"
)

const (
	// refreshPause is how long a stale copy is returned without another look, once a
	// newer bill was asked for. A line that is asked about often then costs neither
	// store a read.
	refreshPause = 2 * time.Second
	// maxStaleCopies bounds memory.
	maxStaleCopies = 2_000
)

// staleCopies keeps the stale bills of which a newer one was asked for a moment ago. It
// is safe for concurrent use.
type staleCopies struct {
	now func() time.Time

	mu   sync.Mutex
	kept map[Query]staleCopy
}

type staleCopy struct {
	bill  Bill
	until time.Time
}

func newStaleCopies(now func() time.Time) *staleCopies {
	return &staleCopies{now: now, kept: map[Query]staleCopy{}}
}

// key returns what a query is kept under.
func (q Query) key() Query { return Query{Subscription: q.Subscription, Month: q.Month} }

func (s *staleCopies) find(q Query) (Bill, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, found := s.kept[q.key()]
	if found && s.now().After(kept.until) {
		delete(s.kept, q.key())
		found = false
	}
	return kept.bill, found
}

func (s *staleCopies) keep(q Query, old Bill) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) >= maxStaleCopies {
		clear(s.kept)
	}
	s.kept[q.key()] = staleCopy{old, s.now().Add(refreshPause)}
}

// forget forgets everything: an answer of KOS or a change of a line may have made it
// wrong.
func (s *staleCopies) forget(line Subject) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for q := range s.kept {
		if q.Line == line.Line {
			delete(s.kept, q)
		}
	}
}
