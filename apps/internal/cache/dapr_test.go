package cache_test

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/cache"
	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

func TestRealStoreThatDies(t *testing.T) {
	t.Parallel()
	dapr := daprtest.Start(t, daprtest.Options{AppID: "cache-test", Resources: []string{daprtest.RedisState(t, "cache-store")}})
	store := dapr.Client().State("cache-store")
	s := &source{fee: 89000}
	keyring := sealtest.Keyring(t)
	replica := func() *cache.Cache[bill] {
		opts := cache.Options{Kind: "bill", TTL: ttl, LoadTimeout: loadTimeout, Sealer: keyring}
		return cache.New[bill](opts, store, slog.New(slog.DiscardHandler), cache.NewMetrics(prometheus.NewRegistry()))
	}
	want := func(bills *cache.Cache[bill], want cache.Level) {
		t.Helper()
		if got, level, err := bills.Get(t.Context(), key, s.load); err != nil || got.Fee != 89000 || level != want {
			t.Errorf("got %+v from %q, %v; want it from %q", got, level, err, want)
		}
	}
	first := replica()
	want(first, cache.FromSource)
	want(replica(), cache.FromL2)
	if err := first.Invalidate(t.Context(), key); err != nil {
		t.Error(err)
	}
	want(replica(), cache.FromSource)
	dapr.Kill()
	want(replica(), cache.FromSource)
	want(first, cache.FromSource)
	want(first, cache.FromL1)
}
