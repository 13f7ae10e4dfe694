package cache_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/cache"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

const (
	key         = "01012345678"
	loadTimeout = 10 * time.Second
	ttl         = time.Hour
)

// replica is one process's cache.
type replica struct {
	*cache.Cache[string]

	source *source
}

// source has the truth and counts who asks.
type source struct {
	mu    sync.Mutex
	truth string
	asked atomic.Int32
}

func (s *source) set(truth string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.truth = truth
}

func (s *source) load(context.Context) (string, error) {
	s.asked.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.truth, nil
}

func newReplica(l2 cache.L2, source *source) replica {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	return replica{cache.New[string](cache.Options{Kind: "plan", TTL: ttl, LoadTimeout: loadTimeout},
		l2, log, cache.NewMetrics(prometheus.NewRegistry())), source}
}

// want checks what a Get returns and where it was found.
func (r replica) want(t *testing.T, value string, level cache.Level) {
	t.Helper()
	got, from, err := r.Get(t.Context(), key, r.source.load)
	if err != nil || got != value || from != level {
		t.Errorf("got %q from %s, %v; want %q from %s", got, from, err, value, level)
	}
}

func (r replica) invalidate(t *testing.T) {
	t.Helper()
	if err := r.Invalidate(context.Background(), key); err != nil {
		t.Error(err)
	}
}

// within runs test with two replicas over one store, on a clock of their own.
func within(t *testing.T, test func(t *testing.T, l2 *store, a, b replica)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l2, truth := newStore(time.Now), &source{truth: "old"}
		a, b := newReplica(l2, truth), newReplica(l2, truth)
		defer a.StopUpkeep()
		defer b.StopUpkeep()
		test(t, l2, a, b)
	})
}

func TestLevels(t *testing.T) {
	t.Parallel()
	within(t, func(t *testing.T, _ *store, a, b replica) {
		a.want(t, "old", cache.FromSource)
		a.want(t, "old", cache.FromL1)
		b.want(t, "old", cache.FromL2)
		b.want(t, "old", cache.FromL1)
		if n := a.source.asked.Load(); n != 1 {
			t.Errorf("the source was asked %d times", n)
		}
	})
}

func TestInvalidateForgetsForAllWhoseL1IsToldToo(t *testing.T) {
	t.Parallel()
	within(t, func(t *testing.T, _ *store, a, b replica) {
		a.want(t, "old", cache.FromSource)
		b.want(t, "old", cache.FromL2)
		a.source.set("new")
		a.invalidate(t)
		a.want(t, "new", cache.FromSource)
		b.want(t, "old", cache.FromL1) // nobody has told it
		b.Forget(key)
		b.want(t, "new", cache.FromSource)
	})
}

// A load that began before the change and ends after it must leave nothing
// behind, neither on its own replica nor for others.
func TestLoadUnderWayCannotBringTheOldValueBack(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ tombstone, told bool }{
		"nothing cached before, told":     {false, true},
		"nothing cached before, not told": {false, false},
		"tombstone of an earlier change":  {true, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			within(t, func(t *testing.T, _ *store, a, b replica) {
				if test.tombstone {
					b.invalidate(t)
				}
				var once sync.Once
				got, _, err := a.Get(t.Context(), key, func(ctx context.Context) (string, error) {
					old, err := a.source.load(ctx)
					once.Do(func() {
						b.source.set("new")
						b.invalidate(t)
						if test.told {
							a.Forget(key)
						}
					})
					return old, err
				})
				if got != "new" || err != nil {
					t.Errorf("the load's own caller got %q, %v", got, err)
				}
				a.want(t, "new", cache.FromL1)
				b.want(t, "new", cache.FromSource)
			})
		})
	}
}

// Whoever else has filled L2 meanwhile is believed.
func TestLoadThatLostAgainstAnotherTakesItsValue(t *testing.T) {
	t.Parallel()
	within(t, func(t *testing.T, _ *store, a, b replica) {
		got, from, err := a.Get(t.Context(), key, func(context.Context) (string, error) {
			b.source.set("new")
			b.want(t, "new", cache.FromSource)
			return "old", nil
		})
		if got != "new" || from != cache.FromL2 || err != nil {
			t.Errorf("got %q from %s, %v", got, from, err)
		}
	})
}

func TestForgetAllReachesLoadsUnderWay(t *testing.T) {
	t.Parallel()
	within(t, func(t *testing.T, l2 *store, a, _ replica) {
		l2.fail(sidecar.ErrUnavailable) // L1 alone
		if _, _, err := a.Get(t.Context(), key, func(context.Context) (string, error) {
			a.ForgetAll()
			return "old", nil
		}); err != nil {
			t.Fatal(err)
		}
		a.want(t, "old", cache.FromSource)
		a.ForgetAll()
		a.want(t, "old", cache.FromSource)
	})
}

// While a tombstone lies there L2 is not used; afterwards it is again.
func TestTombstoneOutlivesEveryLoadAndThenGoes(t *testing.T) {
	t.Parallel()
	within(t, func(t *testing.T, l2 *store, a, b replica) {
		a.invalidate(t)
		if stays := l2.only().until.Sub(time.Now()); stays <= loadTimeout || stays > time.Minute {
			t.Errorf("the tombstone stays %s, a load may take %s", stays, loadTimeout)
		}
		a.want(t, "old", cache.FromSource)
		b.want(t, "old", cache.FromSource)
		time.Sleep(time.Minute) // on the test's own clock
		a.ForgetAll()
		b.ForgetAll()
		a.want(t, "old", cache.FromSource)
		b.want(t, "old", cache.FromL2)
	})
}

func TestInvalidateLosesOnlySoOften(t *testing.T) {
	t.Parallel()
	within(t, func(t *testing.T, l2 *store, a, _ replica) {
		l2.lose = 2
		if err := a.Invalidate(t.Context(), key); err != nil {
			t.Errorf("gave up after two lost writes: %v", err)
		}
		l2.lose = 1000
		if err := a.Invalidate(t.Context(), key); !errors.Is(err, sidecar.ErrConflict) {
			t.Errorf("got %v", err)
		}
	})
}

func TestWithoutL2TheSourceIsAskedAndL1Kept(t *testing.T) {
	t.Parallel()
	within(t, func(t *testing.T, l2 *store, a, b replica) {
		l2.fail(sidecar.ErrUnavailable)
		a.want(t, "old", cache.FromSource)
		a.want(t, "old", cache.FromL1)
		a.source.set("new")
		if err := a.Invalidate(t.Context(), key); !errors.Is(err, sidecar.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		a.want(t, "new", cache.FromSource)
		l2.fail(nil)
		b.want(t, "new", cache.FromSource)
	})
}

func TestErrorsAreNotKept(t *testing.T) {
	t.Parallel()
	within(t, func(t *testing.T, _ *store, a, _ replica) {
		fault := errors.New("away")
		_, _, err := a.Get(t.Context(), key, func(context.Context) (string, error) { return "", fault })
		if !errors.Is(err, fault) {
			t.Errorf("got %v", err)
		}
		a.want(t, "old", cache.FromSource)
	})
}

func TestALoadGoesOnWithoutItsCaller(t *testing.T) {
	t.Parallel()
	within(t, func(t *testing.T, _ *store, a, _ replica) {
		ctx, leave := context.WithCancel(t.Context())
		asked, answer := make(chan struct{}), make(chan struct{})
		var waiting sync.WaitGroup
		waiting.Go(func() {
			_, _, err := a.Get(ctx, key, func(context.Context) (string, error) {
				close(asked)
				<-answer
				return "old", nil
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
		<-asked
		leave()
		waiting.Wait()
		close(answer)
		synctest.Wait()
		a.want(t, "old", cache.FromL1)
	})
}

func TestCallersShareALoad(t *testing.T) {
	t.Parallel()
	within(t, func(t *testing.T, _ *store, a, _ replica) {
		var waiting sync.WaitGroup
		for range 100 {
			waiting.Go(func() {
				if got, _, err := a.Get(context.Background(), key, func(ctx context.Context) (string, error) {
					time.Sleep(time.Second) // on the test's own clock
					return a.source.load(ctx)
				}); got != "old" || err != nil {
					t.Errorf("got %q, %v", got, err)
				}
			})
		}
		waiting.Wait()
		if n := a.source.asked.Load(); n != 1 {
			t.Errorf("the source was asked %d times", n)
		}
	})
}

func TestAnEntryOfAnotherFormIsAMiss(t *testing.T) {
	t.Parallel()
	within(t, func(t *testing.T, l2 *store, a, b replica) {
		a.want(t, "old", cache.FromSource)
		l2.mu.Lock()
		for name, held := range l2.items {
			held.value = []byte(`"what another version wrote"`)
			l2.items[name] = held
		}
		l2.mu.Unlock()
		b.want(t, "old", cache.FromSource)
	})
}
