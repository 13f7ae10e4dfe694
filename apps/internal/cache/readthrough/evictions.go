package readthrough

import "sync"

// maxEvictions bounds the evictions that are remembered.
const maxEvictions = 1_000

// Mark is a moment in the evictions of a Reader.
type Mark uint64

// evictions remembers the latest evictions. It is safe for concurrent use.
type evictions[K comparable] struct {
	mu     sync.Mutex
	first  Mark // of latest
	latest []func(K) bool
}

// add adds an eviction.
func (e *evictions[K]) add(match func(K) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.latest) == maxEvictions {
		e.first += Mark(len(e.latest))
		e.latest = nil
	}
	e.latest = append(e.latest, match)
}

func (e *evictions[K]) mark() Mark {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.first + Mark(len(e.latest))
}

// unlessEvicted calls f if key was not evicted since a mark. An eviction that begins
// meanwhile waits for f. A mark that is older than all that is remembered counts as an
// eviction.
func (e *evictions[K]) unlessEvicted(key K, since Mark, f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if since < e.first {
		return
	}
	for _, match := range e.latest[since-e.first:] {
		if match(key) {
			return
		}
	}
	f()
}
