package cache_test

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/cache"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// store is a shared level that notes for how long it keeps things.
type store struct {
	mu     sync.Mutex
	values map[string][]byte
	writes int
	ttls   []time.Duration
}

func (s *store) Get(_ context.Context, key string) ([]byte, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok := s.values[key]
	if !ok {
		return nil, "", sidecar.ErrNotFound
	}
	return value, strconv.Itoa(s.writes), nil
}

func (s *store) SetIf(_ context.Context, key string, value []byte, _ string, ttl time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key], s.writes, s.ttls = value, s.writes+1, append(s.ttls, ttl)
	return nil
}

func TestWhatIsKeptForHowLong(t *testing.T) {
	t.Parallel()
	const line, other = msisdn.Number("01012345678"), msisdn.Number("01087654321")
	l2 := &store{values: map[string][]byte{}}
	keyring := sealtest.Keyring(t)
	replica := func() *cache.Cache {
		return cache.New(l2, keyring, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	}
	c := replica()
	asked := 0
	subscriber := func(c *cache.Cache, line msisdn.Number) {
		t.Helper()
		got, err := c.Subscriber(t.Context(), line, func(context.Context) (product.Subscriber, error) {
			asked++
			return product.Subscriber{Line: line}, nil
		})
		if err != nil || got.Line != line {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	for range 2 {
		subscriber(c, line)
		subscriber(c, other)
		if _, err := c.Catalogue(t.Context(), func(context.Context) (product.Catalogue, error) {
			asked++
			return product.Catalogue{Products: []product.Product{{Code: "A"}}}, nil
		}); err != nil {
			t.Error(err)
		}
	}
	subscriber(replica(), line)
	if asked != 3 {
		t.Errorf("asked %d times for three things", asked)
	}
	if len(l2.ttls) != 3 || l2.ttls[0] != 4*time.Hour || l2.ttls[2] != 24*time.Hour {
		t.Errorf("kept for %v", l2.ttls)
	}

	if err := c.Invalidate(t.Context(), line); err != nil {
		t.Fatal(err)
	}
	subscriber(c, other)
	if asked != 3 {
		t.Error("another line was forgotten too")
	}
	subscriber(c, line)
	c.Forget(line)
	subscriber(c, line)
	c.Listening(false)
	subscriber(c, line)
	if asked != 6 {
		t.Errorf("asked %d times", asked)
	}
}
