package postgres_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

// Two replicas process the same queue: each change is ordered once and ends once.
func TestEachChangeIsOrderedOnce(t *testing.T) {
	t.Parallel()
	s := newWorld(t)
	a := s.start()
	b := s.start()
	ids := append(s.accept(a, 100), s.accept(b, 100)...)
	s.final(len(ids))
	for _, id := range ids {
		if n := s.kos.calls[id]; n != 1 {
			t.Errorf("ordered %d times", n)
		}
	}
	s.eventually("every change is announced once", func() bool {
		tries, got := s.broker.seen()
		return tries == len(ids) && got == len(ids)
	})
	if n := s.count("SELECT count(*) FROM kos_queue"); n != 0 {
		t.Errorf("%d changes are still in progress", n)
	}
}

// After an outage of KOS, changes are claimed in the sequence of their acceptance and within
// the rate limit, on two replicas. The calls of claimed changes run side by side.
func TestChangesKeepTheirOrderOverAnOutage(t *testing.T) {
	t.Parallel()
	s := newWorld(t)
	s.perMinute = 160 // 20 at once, then one in 429 ms
	const burst, interval, changes = 20, time.Minute / 140, 50
	claimed := map[string]time.Time{}
	s.kos.during = func(id string) {
		if _, again := claimed[id]; !again {
			claimed[id] = s.claimedAt(id)
		}
	}
	a := s.start()
	s.start()

	// First KOS stops answering, then the breaker opens.
	var calls sync.Map
	s.kos.set(func(_ context.Context, id string) error {
		if _, again := calls.LoadOrStore(id, true); again {
			return errBreaker
		}
		return errNoAnswer
	})
	ids := s.accept(a, changes)
	s.eventually("changes are set aside, or the outage is recorded", func() bool {
		s.elapse(3 * time.Second)
		return s.count("SELECT count(*) FROM kos_outage") == 1
	})
	s.eventually("all wait for KOS", func() bool {
		for _, id := range ids {
			c, err := a.history.Find(t.Context(), "testuser01", id)
			expect.NoError(t, err)
			if c.Waiting != change.KOSUnavailable {
				return false
			}
		}
		return true
	})
	s.kos.set(nil)
	s.elapse(time.Minute) // all items that were set aside are due
	late := s.accept(a, 5)
	s.final(changes + len(late))

	order := slices.SortedFunc(maps.Keys(claimed), func(a, b string) int { return claimed[a].Compare(claimed[b]) })
	if diff := cmp.Diff(append(ids, late...), order); diff != "" {
		t.Errorf("order of acceptance and of claims (-want +got):\n%s", diff)
	}
	for i, first := range order {
		for j := i + burst; j < len(order); j++ {
			// One call is due at each end of a window.
			within := claimed[order[j]].Sub(claimed[first])
			if time.Duration(j-i-burst)*interval > within+interval {
				t.Fatalf("%d calls within %s", j-i+1, within)
			}
		}
	}
}

// A single change that KOS does not answer is passed by all others.
func TestUnansweredChangeIsPassed(t *testing.T) {
	t.Parallel()
	s := newWorld(t)
	a := s.replica()
	ids := s.accept(a, 20)
	s.kos.set(func(_ context.Context, id string) error {
		if id == ids[0] {
			return errNoAnswer
		}
		return nil
	})
	a.start(t)
	s.final(len(ids) - 1)
	s.kos.set(nil)
	s.final(len(ids))
	if last := s.kos.orders[len(ids)-1]; last != ids[0] {
		t.Error("the change without answers was not the last")
	}
}

// The process dies between the answer of KOS and the commit. Another process inquires the
// outcome and ends the change without a second order.
func TestChangeOfADeadWorkerIsFinishedByAnother(t *testing.T) {
	t.Parallel()
	s := newWorld(t)
	dying := s.replica()
	ids := s.accept(dying, 1)
	var once sync.Once
	died := make(chan struct{})
	s.kos.during = func(string) {
		once.Do(func() {
			go func() { // a closing pool gives out no connections
				dying.pool.Close()
				close(died)
			}()
			for dying.pool.Ping(t.Context()) == nil {
				<-time.After(time.Millisecond) // the next look
			}
		})
	}
	dying.start(t)
	s.eventually("KOS has the order", func() bool {
		s.kos.mu.Lock()
		defer s.kos.mu.Unlock()
		return len(s.kos.orders) == 1
	})
	go dying.stop() // releases its connections
	<-died
	if n := s.count("SELECT count(*) FROM change_request WHERE status = 'PROCESSING'"); n != 1 {
		t.Fatal("the change is not left open")
	}
	if n := s.count("SELECT count(*) FROM kos_queue WHERE lease_until > clock_timestamp()"); n != 1 {
		t.Fatal("the item is not left claimed")
	}
	s.start()
	s.elapse(7 * time.Second) // its lease
	s.final(1)
	if n := s.kos.calls[ids[0]]; n != 1 {
		t.Errorf("ordered %d times", n)
	}
	if n := s.count("SELECT count(*) FROM change_request WHERE status = 'COMPLETED' AND result_code = '0000'"); n != 1 {
		t.Error("the change is not completed as it was carried out")
	}
}

// A stop interrupts long attempts, and another replica takes them over at once.
func TestAStopHandsOver(t *testing.T) {
	t.Parallel()
	s := newWorld(t)
	a := s.replica()
	hanging := make(chan struct{})
	s.kos.set(func(ctx context.Context, _ string) error {
		close(hanging)
		<-ctx.Done()
		return errNoAnswer
	})
	s.accept(a, 1)
	a.start(t)
	<-hanging
	a.stop()
	s.kos.set(nil)
	if n := s.count("SELECT count(*) FROM kos_queue WHERE lease_until IS NULL AND in_doubt"); n != 1 {
		t.Error("the change is not released")
	}
	s.elapse(3 * time.Second) // in case the attempt timed out before the stop
	s.start()
	s.final(1)
}

func TestEventIsPublishedWhenTheBrokerRecovers(t *testing.T) {
	t.Parallel()
	s := newWorld(t)
	s.broker.set(errors.New("no broker"))
	a := s.start()
	ids := s.accept(a, 3)
	s.kos.mu.Lock()
	s.kos.refuses[ids[2]] = "2004"
	s.kos.mu.Unlock()
	s.final(3) // without a broker
	s.eventually("publishing is attempted", func() bool { tries, _ := s.broker.seen(); return tries >= 2 })
	s.broker.set(nil)
	s.eventually("both new plans are published, the refusal is not", func() bool { _, got := s.broker.seen(); return got == 2 })
}

// Jobs that cannot succeed are discarded.
func TestPoisonedJobs(t *testing.T) {
	t.Parallel()
	s := newWorld(t)
	a := s.replica()
	for _, args := range []string{`{}`, `{"requestId": "nonsense"}`, `{"requestId": 7}`, `[]`} {
		for _, kind := range []string{"announce_change", "unheard_of"} {
			_, err := s.db.Pool.Exec(t.Context(), `INSERT INTO river_job (args, kind, max_attempts, queue)
				VALUES ($1, $2, 1, 'events')`, args, kind)
			expect.NoError(t, err)
		}
	}
	a.start(t)
	_, err := s.db.Pool.Exec(t.Context(), `INSERT INTO kos_queue (endpoint, dedup_key, ordering_key, class, round, payload)
		SELECT 'product-change', 'poison ' || n, '', 0, 0, '[{}, {"requestId": "nonsense"}, {"requestId": 7}, []]'::jsonb -> n FROM generate_series(0, 3) AS n`)
	expect.NoError(t, err)
	s.accept(a, 1)
	s.final(1)
	s.eventually("no poisoned job is left", func() bool {
		return s.count("SELECT count(*) FROM river_job WHERE state NOT IN ('completed', 'cancelled', 'discarded') AND queue = 'events'") == 0
	})
}

// A clock that is a day ahead simulates a day of outage.
func TestChangeExpiresAfterADay(t *testing.T) {
	t.Parallel()
	s := newWorld(t)
	s.kos.set(away(errBreaker))
	today := s.start()
	s.accept(today, 2)
	s.eventually("both wait", func() bool {
		return s.count("SELECT count(*) FROM kos_outage") == 1
	})
	today.stop()
	s.clock = func() time.Time { return time.Now().Add(25 * time.Hour) }
	tomorrow := s.start()
	s.elapse(3 * time.Second)
	s.kos.set(nil)
	s.final(2)
	if n := s.count("SELECT count(*) FROM change_request WHERE result_code = 'EXPIRED' AND processed_at IS NOT NULL"); n != 2 {
		t.Errorf("%d of 2 changes given up", n)
	}
	if len(s.kos.orders) != 0 {
		t.Error("KOS received an expired order")
	}
	tomorrow.stop()
	if tries, _ := s.broker.seen(); tries != 0 {
		t.Error("a failed change was published")
	}
}
