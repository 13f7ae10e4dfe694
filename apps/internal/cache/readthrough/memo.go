package readthrough

import (
	"sync"
	"time"
)

// maxMemo bounds the number of values in a memo.
const maxMemo = 2_000

// memo holds values for a short time. It is safe for concurrent use.
type memo[K comparable, V any] struct {
	ttl time.Duration
	now func() time.Time

	mu      sync.Mutex
	entries map[K]entry[V]
}

type entry[V any] struct {
	value V
	at    time.Time
}

func newMemo[K comparable, V any](ttl time.Duration, now func() time.Time) *memo[K, V] {
	return &memo[K, V]{ttl: ttl, now: now, entries: map[K]entry[V]{}}
}

// get returns the value of a key.
func (m *memo[K, V]) get(key K) (value V, found bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	held, found := m.entries[key]
	if found && m.now().Sub(held.at) > m.ttl {
		delete(m.entries, key)
		found = false
	}
	return held.value, found
}

func (m *memo[K, V]) set(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(key, value)
}

// add sets the value of a key that has none. It returns false if the key has one.
func (m *memo[K, V]) add(key K, value V) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if held, found := m.entries[key]; found && m.now().Sub(held.at) <= m.ttl {
		return false
	}
	m.put(key, value)
	return true
}

func (m *memo[K, V]) put(key K, value V) {
	if len(m.entries) >= maxMemo {
		clear(m.entries)
	}
	m.entries[key] = entry[V]{value, m.now()}
}

// evict removes the values of all keys that match.
func (m *memo[K, V]) evict(match func(K) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.entries {
		if match(key) {
			delete(m.entries, key)
		}
	}
}
