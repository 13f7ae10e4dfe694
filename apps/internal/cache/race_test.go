package cache_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/cache"
	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// TestNoReadAfterAnInvalidationIsOlder reads on four replicas over real stores while the truth
// changes and is invalidated. A read that begins after all replicas have the invalidation
// must not return an older value.
func TestNoReadAfterAnInvalidationIsOlder(t *testing.T) {
	t.Parallel()
	dapr := daprtest.Start(t, daprtest.Options{
		AppID:     "cache-race-test",
		Resources: []string{daprtest.RedisState(t, "redis"), daprtest.SQLiteState(t, "sqlite"), daprtest.PostgresState(t, "postgresql")},
	})
	client := dapr.Client()
	for _, name := range []string{"redis", "sqlite", "postgresql"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var truth, invalidated atomic.Int64
			load := func(ctx context.Context) (bill, error) { return bill{Fee: int(truth.Load())}, ctx.Err() }
			replicas := make([]*cache.Cache[bill], 4)
			keyring := sealtest.Keyring(t)
			for i := range replicas {
				replicas[i] = cache.New[bill](cache.Options{Kind: "bill", TTL: ttl, LoadTimeout: loadTimeout, Sealer: keyring},
					client.State(name), slog.New(slog.DiscardHandler), cache.NewMetrics(prometheus.NewRegistry()))
			}
			key := rand.Text()
			done := make(chan struct{})
			var readers sync.WaitGroup
			for _, reader := range replicas {
				readers.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
						}
						least := invalidated.Load()
						got, _, err := reader.Get(context.Background(), key, load)
						if err != nil || int64(got.Fee) < least {
							t.Errorf("read %d, %v after the invalidation of %d", got.Fee, err, least)
							return
						}
					}
				})
			}
			for change := range int64(30) {
				truth.Store(change + 1)
				if err := replicas[change%4].Invalidate(t.Context(), key); err != nil {
					t.Error(err)
					break
				}
				for _, other := range replicas {
					other.Evict(key)
				}
				invalidated.Store(change + 1)
			}
			close(done)
			readers.Wait()
		})
	}
}
