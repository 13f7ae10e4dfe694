package session_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/apps/internal/session"
)

const (
	id   = "session"
	rule = 5 * time.Second // a change counts everywhere within
)

// cachedTest is a store, and the cache of one replica over it, on a clock of
// its own.
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
		pass(time.Minute) // what goes on in the background comes to its end
	})
}

// want checks what the replica says of the session.
func (c *cachedTest) want(want error) {
	c.t.Helper()
	got, err := c.cached.Get(c.t.Context(), id)
	wantErr(c.t, want, err)
	if want == nil && got.UserID != "testuser01" {
		c.t.Errorf("got %+v", got)
	}
}

// endElsewhere ends the session as another replica does.
func (c *cachedTest) endElsewhere() {
	c.t.Helper()
	wantErr(c.t, nil, c.store.End(c.t.Context(), id))
}

func TestRequestsOfASessionShareOneRead(t *testing.T) {
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

func TestAnEndElsewhereCountsWithinFiveSeconds(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		slow time.Duration // the store
		busy bool          // there are requests all the time
	}{
		"busy session":             {0, true},
		"quiet session":            {0, false},
		"busy session, slow store": {time.Second, true},
		"quiet, slow store":        {time.Second, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withCached(t, func(c *cachedTest) {
				c.state.set(func(m *memory) { m.slow = tc.slow })
				var first sync.WaitGroup
				first.Go(func() { c.want(nil) })
				pass(tc.slow / 2) // a slow store has been read and has not answered yet
				synctest.Wait()
				c.state.set(func(m *memory) { m.slow = 0 })
				c.endElsewhere()
				ended := time.Now()
				c.state.set(func(m *memory) { m.slow = tc.slow })
				first.Wait()
				for tc.busy && time.Since(ended) < rule {
					_, _ = c.cached.Get(c.t.Context(), id)
					pass(100 * time.Millisecond)
				}
				pass(rule - time.Since(ended))
				c.want(session.ErrEnded)
			})
		})
	}
}

func TestAnEndHereCountsAtOnce(t *testing.T) {
	t.Parallel()
	withCached(t, func(c *cachedTest) {
		c.want(nil)
		c.endElsewhere()
		c.cached.Forget(id)
		c.want(session.ErrEnded)
		gets, _ := c.state.counts()
		c.want(session.ErrEnded)
		if again, _ := c.state.counts(); again != gets {
			t.Error("that a session has ended is not remembered")
		}
	})
}

func TestAReadUnderWayDoesNotBringBackWhatWasForgotten(t *testing.T) {
	t.Parallel()
	withCached(t, func(c *cachedTest) {
		c.state.set(func(m *memory) { m.slow = time.Second })
		var early sync.WaitGroup
		early.Go(func() { c.want(session.ErrEnded) }) // reads again once it learns that it was forgotten
		synctest.Wait()
		c.state.set(func(m *memory) { m.slow = 0 })
		c.endElsewhere()
		c.cached.Forget(id)
		c.want(session.ErrEnded)
		early.Wait()
		c.want(session.ErrEnded)
	})
}

func TestKnownSessionsBridgeAShortOutage(t *testing.T) {
	t.Parallel()
	withCached(t, func(c *cachedTest) {
		c.want(nil)
		c.state.set(func(m *memory) { m.away, m.gets = true, 0 })
		for range 49 {
			pass(100 * time.Millisecond)
			c.want(nil)
		}
		if gets, _ := c.state.counts(); gets > 3 {
			t.Errorf("a store that is away was asked %d times in 5 s", gets)
		}
		pass(time.Second)
		c.want(session.ErrUnavailable)
		c.state.set(func(m *memory) { m.away = false })
		c.want(nil)
	})
}

func TestUseKeepsASessionAlive(t *testing.T) {
	t.Parallel()
	withCached(t, func(c *cachedTest) {
		c.state.set(func(m *memory) { m.sets = 0 })
		for range 24 * 60 {
			pass(time.Minute)
			c.want(nil)
		}
		// Every tenth of its idle time, not with every request.
		if _, sets := c.state.counts(); sets > int(24*time.Hour/(idle/10))+1 {
			t.Errorf("prolonged %d times a day", sets)
		}
		pass(idle + rule)
		c.want(session.ErrEnded)
	})
}

func TestAProlongationThatFailsHarmsNobody(t *testing.T) {
	t.Parallel()
	withCached(t, func(c *cachedTest) {
		state := &writesFail{memory: c.state}
		cached := session.NewCached(session.NewStore(state), time.Now)
		defer cached.StopGoroutines()
		pass(idle / 2)
		if _, err := cached.Get(c.t.Context(), id); err != nil || state.refused != 1 {
			t.Errorf("got %v after %d writes", err, state.refused)
		}
	})
}

// writesFail is a store that can be read only.
type writesFail struct {
	*memory

	refused int
}

func (s *writesFail) SetIf(context.Context, string, []byte, string, time.Duration) error {
	s.refused++
	return errors.New("read only")
}

func TestARequestThatLeavesFailsNoOther(t *testing.T) {
	t.Parallel()
	withCached(t, func(c *cachedTest) {
		c.state.set(func(m *memory) { m.slow = time.Second })
		ctx, leave := context.WithCancel(c.t.Context())
		var group sync.WaitGroup
		group.Go(func() { _, _ = c.cached.Get(ctx, id) })
		synctest.Wait()
		group.Go(func() { c.want(nil) })
		synctest.Wait()
		leave()
		group.Wait()
	})
}

func TestUseKeepsNoSessionAliveBeyondItsEnd(t *testing.T) {
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
			pass(time.Minute)
		}
		_, err := c.cached.Get(c.t.Context(), "limited")
		wantErr(c.t, session.ErrEnded, err)
		pass(time.Second)
		_, _, err = c.store.Get(c.t.Context(), "limited") // nothing is left behind either
		wantErr(c.t, session.ErrEnded, err)
	})
}

func TestASessionEndsInTimeAlsoWhereItIsRemembered(t *testing.T) {
	t.Parallel()
	withCached(t, func(c *cachedTest) {
		limited := record()
		limited.EndsAt = time.Now().Add(3 * time.Second)
		begin(c.t, c.store, "limited", limited)
		_, err := c.cached.Get(c.t.Context(), "limited")
		wantErr(c.t, nil, err)
		pass(2 * time.Second)
		_, err = c.cached.Get(c.t.Context(), "limited")
		wantErr(c.t, nil, err)
		pass(time.Second)
		_, err = c.cached.Get(c.t.Context(), "limited")
		wantErr(c.t, session.ErrEnded, err)
	})
}
