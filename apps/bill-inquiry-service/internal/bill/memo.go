package bill

import (
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

const (
	// memoTTL is how long a memo holds a value.
	memoTTL = 2 * time.Second
	// maxMemo bounds the number of values in a memo.
	maxMemo = 2_000
)

// memo holds a value for each subscription and month for memoTTL. It is safe for
// concurrent use.
type memo[V any] struct {
	now func() time.Time

	mu      sync.Mutex
	entries map[Query]entry[V]
}

type entry[V any] struct {
	value V
	at    time.Time
}

func newMemo[V any](now func() time.Time) *memo[V] {
	return &memo[V]{now: now, entries: map[Query]entry[V]{}}
}

// key returns the key of a query: its subscription and month.
func (q Query) key() Query { return Query{Subscription: q.Subscription, Month: q.Month} }

// get returns the value of a query. A value that was set before q.Since is not found.
func (m *memo[V]) get(q Query) (value V, found bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	held, found := m.entries[q.key()]
	if found && m.now().Sub(held.at) > memoTTL {
		delete(m.entries, q.key())
		found = false
	}
	return held.value, found && !held.at.Before(q.Since)
}

func (m *memo[V]) set(q Query, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.entries) >= maxMemo {
		clear(m.entries)
	}
	m.entries[q.key()] = entry[V]{value, m.now()}
}

// evict removes all values of a line.
func (m *memo[V]) evict(line msisdn.Number) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for q := range m.entries {
		if q.Line == line {
			delete(m.entries, q)
		}
	}
}
