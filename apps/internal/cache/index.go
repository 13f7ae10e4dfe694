package cache

import (
	"slices"
	"sync"

	"github.com/maypok86/otter/v2"
)

// Index remembers which keys were used lately under a name, so that a process
// can Forget by the name what it has in L1. It is safe for concurrent use.
type Index struct {
	mu    sync.Mutex // of those who add
	named *otter.Cache[string, []string]
}

const (
	// indexAge is longer than L1 keeps anything, with the load that brings it.
	indexAge = 2 * l1TTL
	// maxIndexed bounds memory. It is well above l1Size: what is in L1 is named.
	maxIndexed = 8 * l1Size
)

// NewIndex returns an empty index.
func NewIndex() *Index {
	return &Index{named: otter.Must(&otter.Options[string, []string]{
		MaximumSize:      maxIndexed,
		ExpiryCalculator: otter.ExpiryAccessing[string, []string](indexAge),
	})}
}

// Use notes that a key is used under a name. Call it before the key is loaded.
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

// Keys returns the keys that were used lately under a name. Do not change them.
func (i *Index) Keys(name string) []string {
	keys, _ := i.named.GetIfPresent(name)
	return keys
}
