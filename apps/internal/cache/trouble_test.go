package cache_test

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/cache"
	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/linktest"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// TestFaultyStoreFailsNoGet makes the store hang, die and recover, behind the policies of the
// repository. Every Get succeeds: within the timeout of one call of the store, and at once
// while the breaker is open.
func TestFaultyStoreFailsNoGet(t *testing.T) {
	t.Parallel()
	redis := daprtest.RedisState(t, "cache-store")
	link := linktest.Start(t, os.Getenv("PHONEBILL_TEST_REDIS_ADDR"))
	dapr := daprtest.Start(t, daprtest.Options{
		AppID:        "cache-trouble-test",
		Resources:    []string{strings.Replace(redis, os.Getenv("PHONEBILL_TEST_REDIS_ADDR"), link.Address(), 1)},
		ResourceDirs: []string{"../../../resiliency"},
	})
	s, keyring := &source{fee: 89000}, sealtest.Keyring(t)
	replica := func() *cache.Cache[bill] {
		opts := cache.Options{Kind: "bill", TTL: ttl, LoadTimeout: loadTimeout, Sealer: keyring}
		return cache.New[bill](opts, dapr.Client().State("cache-store"), slog.New(slog.DiscardHandler), cache.NewMetrics(prometheus.NewRegistry()))
	}
	bills, asked := replica(), 0
	// crowd reads new keys and a key that is in L1.
	crowd := func() (took []time.Duration) {
		t.Helper()
		var group sync.WaitGroup
		var mu sync.Mutex
		for range 8 {
			asked++
			own := fmt.Sprint("bill ", asked)
			group.Go(func() {
				start := time.Now()
				got, _, err := bills.Get(t.Context(), own, s.load)
				if err != nil || got.Fee != 89000 {
					t.Errorf("got %+v, %v", got, err)
				}
				mu.Lock()
				took = append(took, time.Since(start))
				mu.Unlock()
				if _, level, err := bills.Get(t.Context(), key, s.load); err != nil || level != cache.FromL1 {
					t.Errorf("the key in L1 comes from %q, %v", level, err)
				}
			})
		}
		group.Wait()
		return took
	}
	// shared reports whether one process reads from L2 what another has loaded.
	shared := func() bool {
		t.Helper()
		asked++
		own := fmt.Sprint("bill ", asked)
		for _, process := range []*cache.Cache[bill]{replica(), replica()} {
			_, level, err := process.Get(t.Context(), own, s.load)
			if err != nil {
				t.Errorf("got %v", err)
			}
			if level == cache.FromL2 {
				return true
			}
		}
		return false
	}
	// A call of the store may take 700 ms; the machine is shared with other tests.
	const atMost, atOnce = 5 * time.Second, 200 * time.Millisecond

	if _, _, err := bills.Get(t.Context(), key, s.load); err != nil || !shared() {
		t.Fatalf("nothing is shared, %v", err)
	}
	for _, trouble := range []struct {
		name  string
		begin func()
	}{{"hangs", link.Hang}, {"is dead", link.Cut}} {
		trouble.begin()
		var took []time.Duration
		// The breaker opens after its interval of two seconds without a success. Until
		// then gets wait, three times eight a second at most.
		for len(took) < 240 {
			took = append(took, crowd()...)
		}
		if longest := slices.Max(took); longest > atMost {
			t.Errorf("while the store %s a get took %s", trouble.name, longest)
		}
		slices.Sort(took)
		if median := took[len(took)/2]; median > atOnce {
			t.Errorf("while the store %s half of the gets took more than %s", trouble.name, median)
		}
		if shared() {
			t.Errorf("the store %s and answers", trouble.name)
		}
	}
	link.Mend()
	for deadline := time.After(60 * time.Second); !shared(); {
		select {
		case <-deadline:
			t.Fatal("the store has recovered and is not used")
		case <-time.After(100 * time.Millisecond): // poll
		}
	}
}
