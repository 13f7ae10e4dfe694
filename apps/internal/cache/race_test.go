package cache_test

import (
	"context"
	"crypto/rand"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
)

// TestNoReaderGoesBackInTime lets four replicas read while the truth changes
// and is invalidated, over real stores: whoever starts to read after an
// invalidation has been told to all must not see what was before it.
func TestNoReaderGoesBackInTime(t *testing.T) {
	t.Parallel()
	dapr := daprtest.Start(t, daprtest.Options{
		AppID:     "cache-test",
		Resources: []string{daprtest.RedisState(t, "redis"), daprtest.SQLiteState(t, "sqlite")},
	})
	client := dapr.Client()
	for _, name := range []string{"redis", "sqlite"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var truth, told atomic.Int64
			load := func(context.Context) (string, error) { return strconv.FormatInt(truth.Load(), 10), nil }
			replicas := make([]replica, 4)
			for i := range replicas {
				replicas[i] = newReplica(client.State(name), nil)
				t.Cleanup(replicas[i].StopUpkeep)
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
						least := told.Load()
						got, _, err := reader.Get(context.Background(), key, load)
						if seen, _ := strconv.ParseInt(got, 10, 64); err != nil || seen < least {
							t.Errorf("saw %s, %v after %d was told", got, err, least)
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
					other.Forget(key)
				}
				told.Store(change + 1)
			}
			close(done)
			readers.Wait()
		})
	}
}
