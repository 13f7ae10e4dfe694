package session_test

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/session"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// memory is a fake state store that treats ETags as Redis does. TestStore runs the
// same contract against it and the real ones.
type memory struct {
	mu      sync.Mutex
	entries map[string]entry
	version int

	down       bool
	slow       time.Duration // between read and response
	gets, sets int
}

type entry struct {
	value   []byte
	etag    string
	expires time.Time
}

var _ session.State = (*memory)(nil)

func newMemory() *memory { return &memory{entries: map[string]entry{}} }

func (m *memory) Get(_ context.Context, key string) (value []byte, etag string, err error) {
	found, ok, err := m.read(key)
	bubble.Advance(m.latency())
	if err != nil {
		return nil, "", err
	}
	if !ok {
		return nil, "", sidecar.ErrNotFound
	}
	return found.value, found.etag, nil
}

func (m *memory) read(key string) (entry, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gets++
	if m.down {
		return entry{}, false, sidecar.ErrUnavailable
	}
	found, ok := m.entries[key]
	return found, ok && time.Now().Before(found.expires), nil
}

func (m *memory) latency() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.slow
}

func (m *memory) SetIf(_ context.Context, key string, value []byte, etag string, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sets++
	if m.down {
		return sidecar.ErrUnavailable
	}
	// A missing key accepts any ETag.
	if found, ok := m.entries[key]; ok && time.Now().Before(found.expires) && found.etag != etag {
		return sidecar.ErrConflict
	}
	m.version++
	m.entries[key] = entry{value: value, etag: strconv.Itoa(m.version), expires: time.Now().Add(ttl)}
	return nil
}

// set changes the store's fields under its lock.
func (m *memory) set(change func(m *memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// counts returns the numbers of reads and writes.
func (m *memory) counts() (gets, sets int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gets, m.sets
}
