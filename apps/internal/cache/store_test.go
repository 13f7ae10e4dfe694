package cache_test

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// store is a state store with the conditions of Redis: versions count from 1
// and begin anew when a key is gone.
type store struct {
	now func() time.Time

	mu    sync.Mutex
	items map[string]item
	fault error // fails everything
	lose  int   // conditional writes that lose against somebody
}

type item struct {
	value   []byte
	version int
	until   time.Time
}

func newStore(now func() time.Time) *store { return &store{now: now, items: map[string]item{}} }

func (s *store) live(key string) (item, bool) {
	held, ok := s.items[key]
	return held, ok && s.now().Before(held.until)
}

func (s *store) Get(_ context.Context, key string) ([]byte, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		return nil, "", s.fault
	}
	held, ok := s.live(key)
	if !ok {
		return nil, "", sidecar.ErrNotFound
	}
	return held.value, strconv.Itoa(held.version), nil
}

func (s *store) SetIf(_ context.Context, key string, value []byte, etag string, ttl time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		return s.fault
	}
	held, ok := s.live(key)
	if !ok {
		held = item{}
	}
	if s.lose > 0 {
		s.lose--
		return sidecar.ErrConflict
	}
	// Redis takes any ETag for a key that is gone.
	if ok && etag != strconv.Itoa(held.version) {
		return sidecar.ErrConflict
	}
	s.items[key] = item{value: value, version: held.version + 1, until: s.now().Add(ttl)}
	return nil
}

// only returns the one item there is.
func (s *store) only() item {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, held := range s.items {
		return held
	}
	return item{}
}

func (s *store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
}
