package cache_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/cache"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// replicas runs test with two replicas over one store, in a bubble of synctest.
func replicas(t *testing.T, test func(f *fixture, a, b *cache.Cache[bill])) {
	t.Helper()
	onClock(t, func(f *fixture) {
		other := f.replica()
		defer other.StopGoroutines()
		test(f, f.bills, other)
	})
}

func (f *fixture) invalidate(bills *cache.Cache[bill]) {
	f.t.Helper()
	if err := bills.Invalidate(context.Background(), key); err != nil {
		f.t.Error(err)
	}
}

func TestForgetReachesOtherReplicas(t *testing.T) {
	t.Parallel()
	replicas(t, func(f *fixture, a, b *cache.Cache[bill]) {
		f.want(a, 89000, cache.FromSource)
		f.want(b, 89000, cache.FromL2)
		f.source.fee = 69000
		f.invalidate(a)
		f.want(a, 69000, cache.FromSource)
		f.want(b, 89000, cache.FromL1) // not notified yet
		b.Evict(key)
		f.want(b, 69000, cache.FromSource)
	})
}

// A load that begins before a change and ends after it must leave no value, neither on its
// own replica nor in L2.
func TestLoadOfAnotherReplicaDoesNotUndoAnInvalidation(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ tombstone, notified bool }{
		"nothing cached before, notified":     {false, true},
		"nothing cached before, not notified": {false, false},
		"tombstone of an earlier change":      {true, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replicas(t, func(f *fixture, a, b *cache.Cache[bill]) {
				if test.tombstone {
					f.invalidate(b)
				}
				var once sync.Once
				got, _, err := a.Get(f.t.Context(), key, func(ctx context.Context) (bill, error) {
					old, err := f.source.load(ctx)
					once.Do(func() {
						f.source.fee = 69000
						f.invalidate(b)
						if test.notified {
							a.Evict(key)
						}
					})
					return old, err
				})
				if got.Fee != 69000 || err != nil {
					f.t.Errorf("the caller of the load got %+v, %v", got, err)
				}
				f.want(a, 69000, cache.FromL1)
				f.want(b, 69000, cache.FromSource)
			})
		})
	}
}

// A value that another replica has written to L2 meanwhile is used.
func TestLoadThatConflictsReturnsTheStoredValue(t *testing.T) {
	t.Parallel()
	replicas(t, func(f *fixture, a, b *cache.Cache[bill]) {
		got, from, err := a.Get(f.t.Context(), key, func(context.Context) (bill, error) {
			f.source.fee = 69000
			f.want(b, 69000, cache.FromSource)
			return bill{Fee: 89000}, nil
		})
		if got.Fee != 69000 || from != cache.FromL2 || err != nil {
			f.t.Errorf("got %+v from %s, %v", got, from, err)
		}
	})
}

func TestForgetAllReachesRunningLoads(t *testing.T) {
	t.Parallel()
	replicas(t, func(f *fixture, a, _ *cache.Cache[bill]) {
		f.l2.err = errAway // L1 alone
		if _, _, err := a.Get(f.t.Context(), key, func(context.Context) (bill, error) {
			a.EvictAll()
			return bill{Fee: 89000}, nil
		}); err != nil {
			f.t.Fatal(err)
		}
		f.want(a, 89000, cache.FromSource)
		a.EvictAll()
		f.want(a, 89000, cache.FromSource)
	})
}

// L2 keeps the old value because the invalidating replica cannot reach it. Replicas that are
// notified do not read the key from L2.
func TestForgottenKeyIsNotReadFromL2(t *testing.T) {
	t.Parallel()
	replicas(t, func(f *fixture, a, b *cache.Cache[bill]) {
		f.want(a, 89000, cache.FromSource)
		f.want(b, 89000, cache.FromL2)
		f.source.fee = 69000
		f.l2.err = errAway
		if err := a.Invalidate(f.t.Context(), key); !errors.Is(err, errAway) {
			f.t.Errorf("got %v", err)
		}
		f.l2.err = nil
		b.Evict(key)
		for _, replica := range []*cache.Cache[bill]{a, b} {
			f.want(replica, 69000, cache.FromSource)
			f.want(replica, 69000, cache.FromL1)
		}
		f.invalidate(a) // the event that follows
		bubble.Advance(2 * time.Minute)
		a.Evict(key)
		f.want(b, 69000, cache.FromL1)
	})
}

// The event after a change finds its tombstone and does not write another.
func TestInvalidationReusesARecentTombstone(t *testing.T) {
	t.Parallel()
	replicas(t, func(f *fixture, a, b *cache.Cache[bill]) {
		f.invalidate(a)
		bubble.Advance(time.Second)
		f.invalidate(b)
		if writes := len(f.l2.ttls); writes != 1 {
			f.t.Errorf("%d writes", writes)
		}
		bubble.Advance(10 * time.Second)
		f.invalidate(b) // another change
		if writes := len(f.l2.ttls); writes != 2 {
			f.t.Errorf("%d writes", writes)
		}
	})
}

// A replica that does not receive invalidations uses L2 only.
func TestL1IsBypassedWithoutNotifications(t *testing.T) {
	t.Parallel()
	replicas(t, func(f *fixture, a, b *cache.Cache[bill]) {
		f.want(a, 89000, cache.FromSource)
		f.want(a, 89000, cache.FromL1)
		a.Listening(false)
		f.want(a, 89000, cache.FromL2)
		f.want(a, 89000, cache.FromL2)
		f.source.fee = 69000
		f.invalidate(b)
		f.want(a, 69000, cache.FromSource)
		f.source.fee = 59000
		f.want(a, 59000, cache.FromSource)
		a.Listening(true)
		f.want(a, 59000, cache.FromSource)
		f.want(a, 59000, cache.FromL1)
	})
}

// L2 is not used for a key while its tombstone lives.
func TestTombstoneOutlivesEveryLoadAndExpires(t *testing.T) {
	t.Parallel()
	replicas(t, func(f *fixture, a, b *cache.Cache[bill]) {
		f.invalidate(a)
		if stays := f.l2.ttls[0]; stays <= loadTimeout || stays > time.Minute {
			f.t.Errorf("the tombstone stays %s, a load may take %s", stays, loadTimeout)
		}
		f.want(a, 89000, cache.FromSource)
		f.want(b, 89000, cache.FromSource)
		bubble.Advance(time.Minute)
		a.EvictAll()
		b.EvictAll()
		f.want(a, 89000, cache.FromSource)
		f.want(b, 89000, cache.FromL2)
	})
}

// Concurrent invalidations of one key do not conflict.
func TestConcurrentInvalidationsShareOneWrite(t *testing.T) {
	t.Parallel()
	replicas(t, func(f *fixture, a, b *cache.Cache[bill]) {
		f.want(a, 89000, cache.FromSource)
		f.l2.slow = 10 * time.Millisecond
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() { f.invalidate(a) })
			group.Go(func() { f.invalidate(b) })
		}
		group.Wait()
		f.source.fee = 69000
		f.want(b, 69000, cache.FromSource)
	})
}

func TestInvalidateGivesUpAfterConflicts(t *testing.T) {
	t.Parallel()
	replicas(t, func(f *fixture, a, _ *cache.Cache[bill]) {
		f.l2.lose = 2
		f.invalidate(a)
		bubble.Advance(10 * time.Second) // the tombstone is not recent any more
		f.l2.lose = 1000
		if err := a.Invalidate(f.t.Context(), key); !errors.Is(err, sidecar.ErrConflict) {
			f.t.Errorf("got %v", err)
		}
	})
}
