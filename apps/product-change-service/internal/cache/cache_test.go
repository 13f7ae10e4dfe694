package cache_test

import (
	"context"
	"errors"
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

// store is an L2 that records lifetimes.
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

const line, other = msisdn.Number("01012345678"), msisdn.Number("01087654321")

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, product.Seoul)

// replicas returns a constructor of replicas over one store and clock.
func replicas(t *testing.T, l2 *store) func() *cache.Cache {
	t.Helper()
	keyring := sealtest.Keyring(t)
	return func() *cache.Cache {
		return cache.New(cache.Params{
			L2: l2, Keyring: keyring, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		})
	}
}

func TestLifetimes(t *testing.T) {
	t.Parallel()
	l2 := &store{values: map[string][]byte{}}
	replica := replicas(t, l2)
	c := replica()
	asked := 0
	subscriber := func(c *cache.Cache, line msisdn.Number) {
		t.Helper()
		got, err := c.Subscriber(t.Context(), product.Subscription{Customer: "CUST001", Line: line}, func(context.Context) (product.Subscriber, error) {
			asked++
			return product.Subscriber{Line: line, AsOf: noon}, nil
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
			return product.Catalogue{Products: []product.Product{{Code: "A"}}, AsOf: noon}, nil
		}); err != nil {
			t.Error(err)
		}
	}
	subscriber(replica(), line)
	if asked != 3 {
		t.Errorf("%d loads of three values", asked)
	}
	if len(l2.ttls) != 3 || l2.ttls[0] != 4*time.Hour || l2.ttls[2] != 24*time.Hour {
		t.Errorf("kept for %v", l2.ttls)
	}

	if err := c.Invalidate(t.Context(), product.Subscription{Customer: "CUST001", Line: line}); err != nil {
		t.Fatal(err)
	}
	subscriber(c, other)
	if asked != 3 {
		t.Error("another line was evicted too")
	}
	subscriber(c, line)
	c.Evict(line)
	subscriber(c, line)
	c.Listening(false)
	subscriber(c, line)
	if asked != 6 {
		t.Errorf("asked %d times", asked)
	}
}

func TestUnknownLineIsCachedBriefly(t *testing.T) {
	t.Parallel()
	l2 := &store{values: map[string][]byte{}}
	replica := replicas(t, l2)
	asked := 0
	unknown := func(context.Context) (product.Subscriber, error) {
		asked++
		return product.Subscriber{}, product.ErrUnknownLine
	}
	c := replica()
	for _, c := range []*cache.Cache{c, c, replica()} {
		if _, err := c.Subscriber(t.Context(), product.Subscription{Customer: "CUST001", Line: line}, unknown); !errors.Is(err, product.ErrUnknownLine) {
			t.Errorf("got %v", err)
		}
	}
	if asked != 1 || len(l2.ttls) != 1 || l2.ttls[0] != 10*time.Second {
		t.Errorf("asked %d times, kept for %v", asked, l2.ttls)
	}
	fault := errors.New("away")
	for range 2 {
		_, err := c.Subscriber(t.Context(), product.Subscription{Customer: "CUST001", Line: other}, func(context.Context) (product.Subscriber, error) {
			asked++
			return product.Subscriber{}, fault
		})
		if !errors.Is(err, fault) {
			t.Errorf("got %v", err)
		}
	}
	if asked != 3 {
		t.Errorf("a fault is cached: %d loads", asked)
	}
}

// A refresh replaces the value of all replicas that read L2. A refusal in the background
// replaces nothing.
func TestRefreshReplacesTheValue(t *testing.T) {
	t.Parallel()
	l2 := &store{values: map[string][]byte{}}
	replica := replicas(t, l2)
	c, own := replica(), product.Subscription{Customer: "CUST001", Line: line}
	answer := func(status string, err error) product.LoadSubscriber {
		return func(context.Context) (product.Subscriber, error) {
			return product.Subscriber{Line: line, LineStatus: status}, err
		}
	}
	if got, err := c.Subscriber(t.Context(), own, answer("OLD", nil)); err != nil || got.LineStatus != "OLD" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.RefreshSubscriber(t.Context(), own, answer("NEW", nil)); err != nil || got.LineStatus != "NEW" {
		t.Errorf("%+v, %v", got, err)
	}
	refused := errors.Join(product.ErrUncacheable, product.ErrLineMoved)
	if _, err := c.RefreshSubscriber(t.Context(), own, answer("", refused)); !errors.Is(err, product.ErrLineMoved) {
		t.Errorf("got %v", err)
	}
	for _, c := range []*cache.Cache{c, replica()} {
		if got, err := c.Subscriber(t.Context(), own, answer("", errors.New("unexpected load"))); err != nil || got.LineStatus != "NEW" {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if _, err := c.RefreshSubscriber(t.Context(), own, answer("", product.ErrLineMoved)); !errors.Is(err, product.ErrLineMoved) {
		t.Errorf("got %v", err)
	}
	if _, err := replica().Subscriber(t.Context(), own, answer("", errors.New("unexpected load"))); !errors.Is(err, product.ErrLineMoved) {
		t.Errorf("a refusal is not cached: %v", err)
	}
}
