package identity

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

func TestKeyedLockIsExclusive(t *testing.T) {
	t.Parallel()
	var (
		locks keyedLock
		group sync.WaitGroup
		held  int // guarded by the lock alone, which the race detector checks
	)
	for range maxWaiters {
		group.Go(func() {
			done, err := locks.lock(t.Context(), "session")
			if err != nil {
				t.Error(err)
				return
			}
			defer done()
			if held++; held != 1 {
				t.Error("two holders at once")
			}
			held--
		})
	}
	group.Wait()
	if len(locks.queues) != 0 {
		t.Errorf("queues left: %v", locks.queues)
	}
}

func TestKeyedLockSeparatesKeys(t *testing.T) {
	t.Parallel()
	var locks keyedLock
	first, err := locks.lock(t.Context(), "first")
	if err != nil {
		t.Fatal(err)
	}
	defer first()
	second, err := locks.lock(t.Context(), "second")
	if err != nil {
		t.Fatal(err)
	}
	second()
}

func TestKeyedLockRefusesAboveMaxWaiters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var (
			locks keyedLock
			group sync.WaitGroup
		)
		first, err := locks.lock(t.Context(), "session")
		if err != nil {
			t.Fatal(err)
		}
		for range maxWaiters - 1 {
			group.Go(func() {
				done, err := locks.lock(t.Context(), "session")
				if err != nil {
					t.Error(err)
					return
				}
				done()
			})
		}
		synctest.Wait()
		locks.held = 100 * time.Millisecond
		spread := map[time.Duration]bool{} // clients that are refused together must not return together
		for range 50 {
			_, err = locks.lock(t.Context(), "session")
			after := problem.From(err).RetryAfter
			if !errors.Is(err, ErrTooManyConcurrent) || after < 4*time.Second || after > 7*time.Second {
				t.Errorf("got %v, retry after %v", err, after)
			}
			spread[after] = true
		}
		if len(spread) < 3 {
			t.Errorf("all are to retry after %v", spread)
		}
		other, err := locks.lock(t.Context(), "another session")
		if err != nil {
			t.Fatal(err)
		}
		other()
		first()
		group.Wait()
		if len(locks.queues) != 0 {
			t.Errorf("queues left: %v", locks.queues)
		}
	})
}

func TestKeyedLockReturnsWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	var locks keyedLock
	done, err := locks.lock(t.Context(), "session")
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := locks.lock(cancelled, "session"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	done()
	if done, err = locks.lock(t.Context(), "session"); err != nil {
		t.Fatal(err)
	}
	done()
	if len(locks.queues) != 0 {
		t.Errorf("queues left: %v", locks.queues)
	}
}
