package cache_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
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
func replicas(t *testing.T, l2 *store, now func() time.Time) func() *cache.Cache {
	t.Helper()
	keyring := sealtest.Keyring(t)
	return func() *cache.Cache {
		return cache.New(cache.Params{
			L2: l2, Keyring: keyring, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Now: now,
		})
	}
}

// from returns a source that only loads.
func from[V any](ask func(context.Context) (V, error)) product.Source[V] {
	return product.Source[V]{Load: ask, Refresh: func(context.Context) (V, error) {
		var none V
		return none, errors.New("unexpected refresh")
	}}
}

func TestLifetimes(t *testing.T) {
	t.Parallel()
	l2 := &store{values: map[string][]byte{}}
	replica := replicas(t, l2, func() time.Time { return noon })
	c := replica()
	asked := 0
	subscriber := func(c *cache.Cache, line msisdn.Number) {
		t.Helper()
		got, err := c.Subscriber(t.Context(), product.Subscription{Customer: "CUST001", Line: line}, from(func(context.Context) (product.Subscriber, error) {
			asked++
			return product.Subscriber{Line: line, AsOf: noon}, nil
		}))
		if err != nil || got.Line != line {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	for range 2 {
		subscriber(c, line)
		subscriber(c, other)
		if _, err := c.Catalogue(t.Context(), from(func(context.Context) (product.Catalogue, error) {
			asked++
			return product.Catalogue{Products: []product.Product{{Code: "A"}}, AsOf: noon}, nil
		})); err != nil {
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
	replica := replicas(t, l2, func() time.Time { return noon })
	asked := 0
	unknown := from(func(context.Context) (product.Subscriber, error) {
		asked++
		return product.Subscriber{}, product.ErrUnknownLine
	})
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
		_, err := c.Subscriber(t.Context(), product.Subscription{Customer: "CUST001", Line: other}, from(func(context.Context) (product.Subscriber, error) {
			asked++
			return product.Subscriber{}, fault
		}))
		if !errors.Is(err, fault) {
			t.Errorf("got %v", err)
		}
	}
	if asked != 3 {
		t.Errorf("a fault is cached: %d loads", asked)
	}
}

// A read in the last quarter of the lifetime starts a refresh and returns the cached value.
func TestReadsInTheLastQuarterRefreshAhead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ttl time.Duration
		use func(c *cache.Cache, asOf time.Time, ahead func() time.Time) (time.Time, error)
	}{
		"line": {4 * time.Hour, func(c *cache.Cache, asOf time.Time, ahead func() time.Time) (time.Time, error) {
			got, err := c.Subscriber(t.Context(), product.Subscription{Customer: "CUST001", Line: line}, product.Source[product.Subscriber]{
				Load:    func(context.Context) (product.Subscriber, error) { return product.Subscriber{AsOf: asOf}, nil },
				Refresh: func(context.Context) (product.Subscriber, error) { return product.Subscriber{AsOf: ahead()}, nil },
			})
			return got.AsOf, err
		}},
		"catalogue": {24 * time.Hour, func(c *cache.Cache, asOf time.Time, ahead func() time.Time) (time.Time, error) {
			got, err := c.Catalogue(t.Context(), product.Source[product.Catalogue]{
				Load:    func(context.Context) (product.Catalogue, error) { return product.Catalogue{AsOf: asOf}, nil },
				Refresh: func(context.Context) (product.Catalogue, error) { return product.Catalogue{AsOf: ahead()}, nil },
			})
			return got.AsOf, err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var clock atomic.Int64 // hours after noon, in nanoseconds
			now := func() time.Time { return noon.Add(time.Duration(clock.Load())) }
			c := replicas(t, &store{values: map[string][]byte{}}, now)()
			var asked atomic.Int32
			use := func() time.Time {
				got, err := test.use(c, noon, func() time.Time {
					asked.Add(1)
					return now()
				})
				if err != nil {
					t.Error(err)
				}
				return got
			}
			for _, age := range []time.Duration{0, test.ttl * 3 / 4} {
				clock.Store(int64(age))
				if got := use(); !got.Equal(noon) || asked.Load() != 0 {
					t.Errorf("after %s: as of %s, %d refreshes", age, got, asked.Load())
				}
			}
			clock.Add(int64(time.Minute))
			if got := use(); !got.Equal(noon) {
				t.Errorf("a read waited for the value as of %s", got)
			}
			for deadline := time.After(30 * time.Second); !use().Equal(now()); {
				select {
				case <-deadline:
					t.Fatal("it was never refreshed")
				case <-time.After(time.Millisecond):
				}
			}
			if asked.Load() != 1 {
				t.Errorf("%d refreshes", asked.Load())
			}
		})
	}
}
