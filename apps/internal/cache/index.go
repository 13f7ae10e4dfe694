package cache

import (
	"slices"
	"sync"

	"github.com/maypok86/otter/v2"
)

// Index maps a name to its recently used keys, so that a process can Evict all keys of a
// name. It is safe for concurrent use.
type Index struct {
	mu    sync.Mutex // guards additions
	named *otter.Cache[string, []string]
}

const (
	// indexAge is longer than the lifetime in L1 plus a load.
	indexAge = 2 * l1TTL
	// maxIndexed bounds the memory. It is well above l1Size, so that the index has all
	// keys in L1.
	maxIndexed = 8 * l1Size
)

// NewIndex returns an empty index.
func NewIndex() *Index {
	return &Index{named: otter.Must(&otter.Options[string, []string]{
		MaximumSize:      maxIndexed,
		ExpiryCalculator: otter.ExpiryAccessing[string, []string](indexAge),
	})}
}

// Use adds a key to a name. Call it before the key is loaded.
func (i *Index) Use(name, key string) {
	if keys, ok := i.named.GetIfPresent(name); ok && slices.Contains(keys, key) {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	keys, _ := i.named.GetIfPresent(name)
	if !slices.Contains(keys, key) {
		i.named.Set(name, append(slices.Clone(keys), key))
	}
}

// Keys returns the recently used keys of a name. Callers must not modify them.
func (i *Index) Keys(name string) []string {
	keys, _ := i.named.GetIfPresent(name)
	return keys
}
