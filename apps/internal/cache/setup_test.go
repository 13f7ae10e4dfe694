package cache_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/cache"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

func TestMain(m *testing.M) {
	// The goroutine of an otter cache ends when the cache is garbage-collected.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

type bill struct {
	Fee int `json:"fee"`
}

const (
	key         = "01012345678/2026-10"
	ttl         = time.Hour
	loadTimeout = 8 * time.Second
)

// memory is an L2 that can fail. ETags are those of Redis: versions count from 1, and again
// from 1 after a key has expired. A missing key accepts any ETag.
type memory struct {
	mu      sync.Mutex
	entries map[string]entry
	ttls    []time.Duration
	err     error
	hung    bool // until the context ends
	slow    time.Duration
	lose    int // conditional writes that conflict
}

type entry struct {
	text    string
	version int
	until   time.Time
}

func (m *memory) live(key string) (entry, bool) {
	held, ok := m.entries[key]
	return held, ok && time.Now().Before(held.until)
}

func (m *memory) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

// do runs op on the store, or fails.
func (m *memory) do(ctx context.Context, op func() error) error {
	var (
		hung bool
		slow time.Duration
	)
	m.set(func() { hung, slow = m.hung, m.slow })
	if hung {
		<-ctx.Done()
		return ctx.Err()
	}
	bubble.Advance(slow)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	return op()
}

func (m *memory) Get(ctx context.Context, key string) (value []byte, etag string, err error) {
	err = m.do(ctx, func() error {
		held, ok := m.live(key)
		if !ok {
			return sidecar.ErrNotFound
		}
		value, etag = []byte(held.text), strconv.Itoa(held.version)
		return nil
	})
	return value, etag, err
}

func (m *memory) SetIf(ctx context.Context, key string, value []byte, etag string, ttl time.Duration) error {
	return m.do(ctx, func() error {
		held, ok := m.live(key)
		if m.lose > 0 {
			m.lose--
			return sidecar.ErrConflict
		}
		if ok && etag != strconv.Itoa(held.version) {
			return sidecar.ErrConflict
		}
		if !ok {
			held.version = 0
		}
		m.entries[key] = entry{text: string(value), version: held.version + 1, until: time.Now().Add(ttl)}
		m.ttls = append(m.ttls, ttl)
		return nil
	})
}

// values returns the entries of the store.
func (m *memory) values() (values []string) {
	m.set(func() {
		for key, held := range m.entries {
			if strings.Contains(key, "0101") {
				values = append(values, "personal key: "+key)
			}
			values = append(values, held.text)
		}
	})
	return values
}

// source is a source of bills.
type source struct {
	mu    sync.Mutex
	fee   int
	asked int
	err   error
	slow  time.Duration // between read and return
}

func (s *source) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *source) load(ctx context.Context) (bill, error) {
	var (
		found bill
		err   error
		slow  time.Duration
	)
	s.set(func() {
		s.asked++
		found, err, slow = bill{Fee: s.fee}, s.err, s.slow
	})
	select {
	case <-time.After(slow):
		return found, err
	case <-ctx.Done():
		return bill{}, ctx.Err()
	}
}

// fixture has a source of bills and a replica that caches them.
type fixture struct {
	t        *testing.T
	l2       *memory
	source   *source
	registry *prometheus.Registry
	metrics  *cache.Metrics
	bills    *cache.Cache[bill]
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, l2: &memory{entries: map[string]entry{}}, source: &source{fee: 89000}, registry: prometheus.NewRegistry()}
	f.metrics = cache.NewMetrics(f.registry)
	f.bills = f.replica()
	return f
}

// replica returns another cache over the same store.
func (f *fixture) replica() *cache.Cache[bill] {
	opts := cache.Options{Kind: "bill", TTL: ttl, LoadTimeout: loadTimeout}
	return cache.New[bill](opts, f.l2, slog.New(slog.DiscardHandler), f.metrics)
}

// onClock runs test in a bubble of synctest.
func onClock(t *testing.T, test func(f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		defer f.bills.StopGoroutines()
		test(f)
		bubble.Advance(time.Minute) // background loads end
	})
}

// want gets the bill from a replica and checks fee and level.
func (f *fixture) want(bills *cache.Cache[bill], fee int, level cache.Level) {
	f.t.Helper()
	got, from, err := bills.Get(f.t.Context(), key, f.source.load)
	if err != nil || got.Fee != fee || from != level {
		f.t.Errorf("got %+v from %q, %v; want %d from %q", got, from, err, fee, level)
	}
}

// stored returns the fee in L2, or 0 for a tombstone or no entry.
func (f *fixture) stored() int {
	f.t.Helper()
	values := f.l2.values()
	if len(values) == 0 {
		return 0
	}
	var found struct{ Value bill }
	if err := json.Unmarshal([]byte(values[0]), &found); err != nil {
		f.t.Errorf("stored %q: %v", values, err)
	}
	return found.Value.Fee
}

var errAway = errors.New("away")
