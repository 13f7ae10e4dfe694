package session_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/session"
)

const (
	id       = "session"
	maxDelay = 5 * time.Second // within which a change takes effect on all replicas
)

// cachedTest is a store and the cache of one replica in a synctest bubble.
type cachedTest struct {
	t      *testing.T
	state  *memory
	store  *session.Store
	cached *session.Cached
}

func withCached(t *testing.T, test func(c *cachedTest)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		state := newMemory()
		store := session.NewStore(state)
		c := &cachedTest{t: t, state: state, store: store, cached: session.NewCached(store, time.Now)}
		defer c.cached.StopGoroutines()
		begin(t, store, id, record())
		test(c)
		bubble.Advance(time.Minute) // background refreshes end
	})
}

// want checks the error of the replica's Get.
func (c *cachedTest) want(want error) {
	c.t.Helper()
	got, err := c.cached.Get(c.t.Context(), id)
	wantErr(c.t, want, err)
	if want == nil && got.UserID != "testuser01" {
		c.t.Errorf("got %+v", got)
	}
}

// endElsewhere ends the session in the store only, as another replica does.
func (c *cachedTest) endElsewhere() {
	c.t.Helper()
	wantErr(c.t, nil, c.store.End(c.t.Context(), id))
}

func TestConcurrentGetsShareOneRead(t *testing.T) {
	t.Parallel()
	withCached(t, func(c *cachedTest) {
		c.state.set(func(m *memory) { m.slow, m.gets = time.Millisecond, 0 })
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() { c.want(nil) })
		}
		group.Wait()
		if gets, _ := c.state.counts(); gets != 1 {
			t.Errorf("%d reads", gets)
		}
	})
}

func TestEndOnOtherReplicaTakesEffectWithinFiveSeconds(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		slow time.Duration // latency of the store
		busy bool          // continuous requests
	}{
		"busy":             {0, true},
		"idle":             {0, false},
		"busy, slow store": {time.Second, true},
		"idle, slow store": {time.Second, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withCached(t, func(c *cachedTest) {
				c.state.set(func(m *memory) { m.slow = tc.slow })
				var first sync.WaitGroup
				first.Go(func() { c.want(nil) })
				bubble.Advance(tc.slow / 2) // the store has read but not responded
				synctest.Wait()
				c.state.set(func(m *memory) { m.slow = 0 })
				c.endElsewhere()
				ended := time.Now()
				c.state.set(func(m *memory) { m.slow = tc.slow })
				first.Wait()
				for tc.busy && time.Since(ended) < maxDelay {
					_, _ = c.cached.Get(c.t.Context(), id)
					bubble.Advance(100 * time.Millisecond)
				}
				bubble.Advance(maxDelay - time.Since(ended))
				c.want(session.ErrEnded)
			})
		})
	}
}

func TestEndTakesEffectAtOnceAfterForget(t *testing.T) {
	t.Parallel()
	withCached(t, func(c *cachedTest) {
		c.want(nil)
		c.endElsewhere()
		c.cached.Forget(id)
		c.want(session.ErrEnded)
		gets, _ := c.state.counts()
		c.want(session.ErrEnded)
		if again, _ := c.state.counts(); again != gets {
			t.Error("the end of a session is not cached")
		}
	})
}

func TestReadInProgressDoesNotUndoForget(t *testing.T) {
	t.Parallel()
	withCached(t, func(c *cachedTest) {
		c.state.set(func(m *memory) { m.slow = time.Second })
		var early sync.WaitGroup
		early.Go(func() { c.want(session.ErrEnded) }) // otter repeats the load after Forget
		synctest.Wait()
		c.state.set(func(m *memory) { m.slow = 0 })
		c.endElsewhere()
		c.cached.Forget(id)
		c.want(session.ErrEnded)
		early.Wait()
		c.want(session.ErrEnded)
	})
}

func TestCachedSessionsSurviveShortOutage(t *testing.T) {
	t.Parallel()
	withCached(t, func(c *cachedTest) {
		c.want(nil)
		c.state.set(func(m *memory) { m.down, m.gets = true, 0 })
		for range 49 {
			bubble.Advance(100 * time.Millisecond)
			c.want(nil)
		}
		if gets, _ := c.state.counts(); gets > 3 {
			t.Errorf("%d reads in 5 s of outage", gets)
		}
		bubble.Advance(time.Second)
		c.want(session.ErrUnavailable)
		c.state.set(func(m *memory) { m.down = false })
		c.want(nil)
	})
}

func TestUseExtendsSession(t *testing.T) {
	t.Parallel()
	withCached(t, func(c *cachedTest) {
		c.state.set(func(m *memory) { m.sets = 0 })
		for range 24 * 60 {
			bubble.Advance(time.Minute)
			c.want(nil)
		}
		// Once per tenth of the idle time, not with every request.
		if _, sets := c.state.counts(); sets > int(24*time.Hour/(idle/10))+1 {
			t.Errorf("extended %d times a day", sets)
		}
		bubble.Advance(idle + maxDelay)
		c.want(session.ErrEnded)
	})
}

func TestFailedExtensionIsIgnored(t *testing.T) {
	t.Parallel()
	withCached(t, func(c *cachedTest) {
		state := &readOnly{memory: c.state}
		cached := session.NewCached(session.NewStore(state), time.Now)
		defer cached.StopGoroutines()
		bubble.Advance(idle / 2)
		if _, err := cached.Get(c.t.Context(), id); err != nil || state.writes != 1 {
			t.Errorf("got %v after %d writes", err, state.writes)
		}
	})
}

// readOnly is a store whose writes fail.
type readOnly struct {
	*memory

	writes int
}

func (s *readOnly) SetIf(context.Context, string, []byte, string, time.Duration) error {
	s.writes++
	return errors.New("read only")
}

func TestCancelledRequestDoesNotFailOthers(t *testing.T) {
	t.Parallel()
	withCached(t, func(c *cachedTest) {
		c.state.set(func(m *memory) { m.slow = time.Second })
		ctx, cancel := context.WithCancel(c.t.Context())
		var group sync.WaitGroup
		group.Go(func() { _, _ = c.cached.Get(ctx, id) })
		synctest.Wait()
		group.Go(func() { c.want(nil) })
		synctest.Wait()
		cancel()
		group.Wait()
	})
}

func TestUseDoesNotExtendSessionBeyondEndsAt(t *testing.T) {
	t.Parallel()
	withCached(t, func(c *cachedTest) {
		const long = 2 * idle
		limited := record()
		limited.EndsAt = time.Now().Add(long)
		begin(c.t, c.store, "limited", limited)
		for range long / time.Minute {
			if _, err := c.cached.Get(c.t.Context(), "limited"); err != nil {
				c.t.Fatalf("%s before its end: %v", time.Until(limited.EndsAt), err)
			}
			bubble.Advance(time.Minute)
		}
		_, err := c.cached.Get(c.t.Context(), "limited")
		wantErr(c.t, session.ErrEnded, err)
		bubble.Advance(time.Second)
		_, _, err = c.store.Get(c.t.Context(), "limited") // the store has expired it too
		wantErr(c.t, session.ErrEnded, err)
	})
}

func TestCachedSessionEndsAtEndsAt(t *testing.T) {
	t.Parallel()
	withCached(t, func(c *cachedTest) {
		limited := record()
		limited.EndsAt = time.Now().Add(3 * time.Second)
		begin(c.t, c.store, "limited", limited)
		_, err := c.cached.Get(c.t.Context(), "limited")
		wantErr(c.t, nil, err)
		bubble.Advance(2 * time.Second)
		_, err = c.cached.Get(c.t.Context(), "limited")
		wantErr(c.t, nil, err)
		bubble.Advance(time.Second)
		_, err = c.cached.Get(c.t.Context(), "limited")
		wantErr(c.t, session.ErrEnded, err)
	})
}
