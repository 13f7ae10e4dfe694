package bill

import (
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

const (
	// memoTime is how long a memo keeps something.
	memoTime = 2 * time.Second
	// maxMemo bounds the memory of a memo.
	maxMemo = 2_000
)

// memo keeps something about subscriptions and months for a moment. It is safe for
// concurrent use.
type memo[V any] struct {
	now func() time.Time

	mu   sync.Mutex
	kept map[Query]entry[V]
}

type entry[V any] struct {
	value V
	at    time.Time
}

func newMemo[V any](now func() time.Time) *memo[V] {
	return &memo[V]{now: now, kept: map[Query]entry[V]{}}
}

// key returns what a query is kept under.
func (q Query) key() Query { return Query{Subscription: q.Subscription, Month: q.Month} }

// find returns what was kept of a query, unless that was before q.Since.
func (m *memo[V]) find(q Query) (value V, found bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept, found := m.kept[q.key()]
	if found && m.now().Sub(kept.at) > memoTime {
		delete(m.kept, q.key())
		found = false
	}
	return kept.value, found && !kept.at.Before(q.Since)
}

func (m *memo[V]) keep(q Query, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.kept) >= maxMemo {
		clear(m.kept)
	}
	m.kept[q.key()] = entry[V]{value, m.now()}
}

// forget forgets everything about a line.
func (m *memo[V]) forget(line msisdn.Number) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for q := range m.kept {
		if q.Line == line {
			delete(m.kept, q)
		}
	}
}
