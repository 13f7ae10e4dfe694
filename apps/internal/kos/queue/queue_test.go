package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/internal/kos/queue"
)

func TestItemsAreClaimedInOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		enqueued []queue.Request
		want     []string
	}{
		"first come, first served": {[]queue.Request{item("a", "A"), item("b", "B"), item("c", "C")}, []string{"a", "b", "c"}},
		"ordering keys take turns": {
			[]queue.Request{item("a1", "A"), item("a2", "A"), item("a3", "A"), item("b1", "B"), item("b2", "B"), item("c1", "C")},
			[]string{"a1", "b1", "c1", "a2", "b2", "a3"},
		},
		"background comes last": {
			[]queue.Request{background(item("a", "A")), item("b", "B"), background(item("c", "C")), item("d", "D")},
			[]string{"b", "d", "a", "c"},
		},
		"a promoted item queues anew": {
			[]queue.Request{background(item("a", "A")), background(item("b", "B")), item("c", "C"), item("b", "B")},
			[]string{"c", "b", "a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t)
			s.workers = 1
			s.enqueue(c.enqueued...)
			s.start()
			s.empty()
			if diff := cmp.Diff(c.want, s.keys()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestItemIsNotOvertakenAfterAMinute(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.workers = 1
	s.enqueue(item("a1", "A"), item("a2", "A"))
	s.elapse(time.Minute)
	s.enqueue(item("b1", "B"))
	s.start()
	s.empty()
	if diff := cmp.Diff([]string{"a1", "a2", "b1"}, s.keys()); diff != "" {
		t.Error(diff)
	}
}

func TestKeyIsQueuedOnce(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	first := background(item("a", "A"))
	first.Payload = map[string]string{"request": "1", "customer 1": "yes"}
	second := first
	second.Payload = map[string]string{"request": "2", "customer 2": "yes"}
	third := item("a", "A")
	third.Payload = map[string]string{"refresh": "yes"}
	for i, c := range []struct {
		queue.Request

		added bool
	}{{first, true}, {second, false}, {third, true}, {second, false}} {
		if got := s.enqueue(c.Request); got.Added != c.added {
			t.Errorf("request %d: added %t", i+1, got.Added)
		}
	}
	s.start()
	s.empty()
	got := s.items()
	if len(got) != 1 || got[0].Class != queue.Interactive {
		t.Fatalf("handled %+v", got)
	}
	want := map[string]string{"request": "1", "customer 1": "yes", "customer 2": "yes", "refresh": "yes"}
	if diff := cmp.Diff(want, payload(t, got[0])); diff != "" {
		t.Error(diff)
	}
}

func TestCapacityPerClass(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.capacity = [2]int{2, 1}
	s.enqueue(item("a", "A"), item("b", "B"), background(item("c", "C")), item("a", "A"))
	q, _ := s.replica()
	for _, r := range []queue.Request{item("d", "D"), background(item("d", "D"))} {
		if _, err := enqueue(t.Context(), q, s.pool, r); !errors.Is(err, queue.ErrFull) {
			t.Errorf("%s: %v", r.Class, err)
		}
	}
	if n := s.count("SELECT count(*) FROM kos_queue"); n != 3 {
		t.Errorf("%d items", n)
	}
}

func TestReplicasHandleEachItemOnceInOrder(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	const items = 300
	var requests []queue.Request
	for i := range items {
		requests = append(requests, item(fmt.Sprintf("%03d", i), fmt.Sprint(i)))
	}
	s.enqueue(requests...)
	for range 3 {
		s.start()
	}
	s.empty()
	keys := s.keys()
	if len(keys) != items {
		t.Fatalf("handled %d times", len(keys))
	}
	for i, key := range keys { // attempts of 3 × 4 workers begin nearly at once
		var place int
		if _, err := fmt.Sscanf(key, "%d", &place); err != nil || place < i-24 || place > i+24 {
			t.Errorf("item %s was handled as number %d", key, i)
		}
	}
	slices.Sort(keys)
	if len(slices.Compact(keys)) != items {
		t.Error("an item was handled twice")
	}
}

func TestClaimsKeepTheBudget(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.perMinute = 24 // 3 at once, then one in 2.9 s
	q, _ := s.start()
	s.start()
	for i := range 8 {
		s.enqueue(item(fmt.Sprint(i), fmt.Sprint(i)))
	}
	s.eventually("the burst is used", func() bool { return len(s.keys()) >= 3 })
	standing, err := q.Standing(t.Context(), endpoint, "7")
	must(t, err)
	if n := len(s.keys()); n > 4 || standing.Ahead < 3 || standing.Claimed || standing.Reason != queue.Behind ||
		standing.Estimate < 8*time.Second || standing.Estimate > 20*time.Second {
		t.Errorf("%d calls; the last item stands at %+v", n, standing)
	}
	for n := len(s.keys()); n < 8; n = len(s.keys()) {
		s.elapse(3 * time.Second)
		s.eventually("one more is handled", func() bool { return len(s.keys()) > n })
	}
	s.empty()
	if _, err := q.Standing(t.Context(), endpoint, "7"); !errors.Is(err, queue.ErrNotQueued) {
		t.Errorf("got %v", err)
	}
}

func TestBackgroundItemsLeaveCallsToInteractiveOnes(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.perMinute = 32 // 4 at once, 2 of them spare
	for i := range 4 {
		s.enqueue(background(item(fmt.Sprint(i), fmt.Sprint(i))))
	}
	s.start()
	s.eventually("the spare calls are used", func() bool { return len(s.keys()) >= 2 })
	s.enqueue(item("customer", "C"))
	s.eventually("the interactive item is handled at once", func() bool { return slices.Contains(s.keys(), "customer") })
	if got := s.keys(); len(got) > 4 {
		t.Errorf("handled %v", got)
	}
}

// errAway is the cause of outcomes without an answer.
var errAway = errors.New("away")

func TestUnansweredItemIsSetAside(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.workers = 1
	s.handle = func(_ context.Context, item queue.Item) queue.Outcome {
		if item.Key == "a" {
			return queue.Unanswered(errAway)
		}
		return queue.Answered(nil)
	}
	q, _ := s.start()
	s.enqueue(item("a", "A"), item("b", "B"), item("c", "C"))
	s.eventually("the others pass", func() bool { return len(s.keys()) == 3 })
	standing, err := q.Standing(t.Context(), endpoint, "a")
	must(t, err)
	if standing.Reason != queue.Unavailable || standing.Estimate < 2*time.Second || standing.Estimate > 4*time.Second {
		t.Errorf("stands at %+v", standing)
	}
	for pause := 3 * time.Second; pause <= 96*time.Second; pause *= 2 {
		s.eventually("it is set aside", func() bool { return s.count("SELECT count(*) FROM kos_queue WHERE lease_until IS NULL") == 1 })
		n := len(s.keys())
		s.elapse(min(pause, time.Minute)) // doubles up to a minute
		s.eventually("it is attempted again", func() bool { return len(s.keys()) == n+1 })
	}
	last := s.items()[len(s.items())-1]
	if !last.InDoubt || last.AttemptedAt.IsZero() {
		t.Errorf("the last attempt: %+v", last)
	}
}

// A handler may postpone an item before it calls KOS.
func TestPostponedItemIsNotInDoubt(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.handle = func(_ context.Context, item queue.Item) queue.Outcome {
		if item.Key == "a" {
			return queue.Postponed(errAway, 20*time.Second)
		}
		return queue.Answered(nil)
	}
	s.start()
	s.enqueue(item("a", "A"), item("b", "B"))
	s.eventually("the other passes", func() bool { return len(s.keys()) == 2 })
	for range 2 {
		s.eventually("it is set aside", func() bool { return s.count("SELECT count(*) FROM kos_queue WHERE lease_until IS NULL") == 1 })
		n := len(s.keys())
		s.elapse(20 * time.Second)
		s.eventually("it is attempted again", func() bool { return len(s.keys()) == n+1 })
	}
	for _, item := range s.items() {
		if item.InDoubt || !item.AttemptedAt.IsZero() {
			t.Errorf("handled %+v", item)
		}
	}
}

func TestOutageKeepsOrderOnAllReplicas(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.workers = 1
	var away sync.Map
	away.Store("yes", true)
	s.handle = func(context.Context, queue.Item) queue.Outcome {
		if _, yes := away.Load("yes"); yes {
			return queue.NotCalled(errAway, 0)
		}
		return queue.Answered(nil)
	}
	s.enqueue(item("a", "A"), item("b", "B"), item("c", "C"))
	q, _ := s.start()
	s.start()
	s.eventually("KOS was called", func() bool { return len(s.keys()) > 0 })
	s.eventually("the outage is recorded", func() bool {
		standing, err := q.Standing(t.Context(), endpoint, "c")
		must(t, err)
		return standing.Reason == queue.Unavailable
	})
	for range 2 {
		n := len(s.keys())
		s.elapse(3 * time.Second)
		s.eventually("KOS is called again", func() bool { return len(s.keys()) > n })
	}
	for _, item := range s.items() {
		if item.Key == "c" || item.InDoubt || !item.AttemptedAt.IsZero() {
			t.Errorf("handled %+v", item)
		}
	}
	away.Clear()
	before := len(s.keys())
	s.elapse(3 * time.Second)
	s.empty()
	served := s.keys()[before:]
	if diff := cmp.Diff([]string{"a", "b", "c"}, served[len(served)-3:]); diff != "" {
		t.Error(diff)
	}
	if n := s.count("SELECT count(*) FROM kos_outage WHERE since IS NULL"); n != 1 {
		t.Error("the outage is not over")
	}
}

// Items that were set aside during an outage return to their places when it ends.
func TestEndOfOutageReturnsItemsToTheirPlaces(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.workers = 1
	var tries sync.Map
	var away sync.Map
	away.Store("yes", true)
	s.handle = func(_ context.Context, item queue.Item) queue.Outcome {
		if _, yes := away.Load("yes"); !yes {
			return queue.Answered(nil)
		}
		if _, again := tries.LoadOrStore(item.Key, true); !again && item.Key < "c" {
			return queue.Unanswered(errAway)
		}
		return queue.NotCalled(errAway, 0)
	}
	s.enqueue(item("a", "A"), item("b", "B"), item("c", "C"), item("d", "D"))
	s.start()
	s.eventually("the outage is recorded", func() bool { return s.count("SELECT count(*) FROM kos_outage") == 1 })
	_, err := s.pool.Exec(t.Context(), "UPDATE kos_queue SET due_at = clock_timestamp() + interval '1 minute' WHERE unanswered > 0")
	must(t, err)
	away.Clear()
	before := len(s.keys())
	_, err = s.pool.Exec(t.Context(), "UPDATE kos_outage SET until = clock_timestamp()")
	must(t, err)
	s.empty()
	if diff := cmp.Diff([]string{"c", "a", "b", "d"}, s.keys()[before:]); diff != "" {
		t.Error(diff)
	}
}

func TestExpiredLeaseIsReclaimed(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	begun, end := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.handle = func(context.Context, queue.Item) queue.Outcome {
		first := false
		once.Do(func() { first = true })
		if first {
			close(begun)
			<-end
		}
		return queue.Answered(nil)
	}
	s.enqueue(item("a", "A"))
	s.start()
	<-begun
	s.elapse(s.timeout + 5*time.Second) // the lease expires as if its process were dead
	s.start()
	s.empty()
	close(end)
	if got := s.items(); len(got) != 2 || got[0].InDoubt || !got[1].InDoubt || got[1].AttemptedAt.IsZero() {
		t.Errorf("handled %+v", got)
	}
}

func TestAStopHandsOver(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	begun := make(chan struct{}, 1)
	var once sync.Once
	s.handle = func(ctx context.Context, _ queue.Item) queue.Outcome {
		outcome := queue.Answered(nil)
		once.Do(func() {
			begun <- struct{}{}
			<-ctx.Done()
			outcome = queue.Unanswered(ctx.Err())
		})
		return outcome
	}
	_, stop := s.start()
	s.enqueue(item("a", "A"))
	<-begun
	stop()
	if n := s.count("SELECT count(*) FROM kos_queue WHERE lease_until IS NULL AND due_at <= clock_timestamp() AND unanswered = 0 AND in_doubt"); n != 1 {
		t.Fatal("the item is not released at once")
	}
	s.start()
	s.empty()
}

func TestItemEndsOnceWithItsWrite(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	_, err := s.pool.Exec(t.Context(), "CREATE TABLE written (key text PRIMARY KEY)")
	must(t, err)
	var faults sync.Map
	s.handle = func(_ context.Context, item queue.Item) queue.Outcome {
		return queue.Answered(func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO written VALUES ($1)", item.Key); err != nil {
				return err
			}
			if _, again := faults.LoadOrStore(item.Key, true); !again {
				return errAway
			}
			return nil
		})
	}
	s.enqueue(item("a", "A"), item("b", "B"))
	s.start()
	s.eventually("both have failed", func() bool { return s.count("SELECT count(*) FROM kos_queue WHERE due_at > clock_timestamp()") == 2 })
	if n := s.count("SELECT count(*) FROM written"); n != 0 {
		t.Errorf("%d rows of transactions that failed", n)
	}
	s.elapse(3 * time.Second)
	s.empty()
	if n := s.count("SELECT count(*) FROM written"); n != 2 {
		t.Errorf("%d rows", n)
	}
}

func TestPanicSetsItemAside(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.handle = func(_ context.Context, item queue.Item) queue.Outcome {
		if item.Key == "a" && !item.InDoubt {
			panic("unexpected")
		}
		return queue.Answered(nil)
	}
	s.enqueue(item("a", "A"), item("b", "B"))
	s.start()
	s.eventually("the other is handled", func() bool { return slices.Contains(s.keys(), "b") })
	s.elapse(3 * time.Second)
	s.empty()
}

func TestOverdueItemsAreGivenUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handle  queue.Outcome
		through func(s *setup)
		given   bool
	}{
		"left unanswered too long":            {queue.Unanswered(errAway), func(s *setup) { s.elapse(11 * time.Minute) }, true},
		"left unanswered for a while":         {queue.Unanswered(errAway), func(s *setup) { s.elapse(9 * time.Minute) }, false},
		"waited through an outage that is on": {queue.NotCalled(errAway, 0), outage(11), true},
		"waited through a shorter outage":     {queue.NotCalled(errAway, 0), outage(9), false},
		"waited long without an outage":       {queue.Throttled(errAway), func(s *setup) { s.elapse(11 * time.Minute) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t)
			s.giveUp = 10 * time.Minute
			s.handle = func(_ context.Context, item queue.Item) queue.Outcome {
				if item.GiveUp {
					return queue.GivenUp(nil)
				}
				return c.handle
			}
			s.enqueue(item("a", "A"))
			_, stop := s.start()
			s.eventually("it is attempted", func() bool { return len(s.keys()) > 0 })
			stop()
			c.through(s)
			s.start() // claims overdue items at once
			if c.given {
				s.empty()
				return
			}
			n := len(s.keys())
			s.eventually("it is attempted again", func() bool { return len(s.keys()) > n })
			for _, item := range s.items() {
				if item.GiveUp {
					t.Error("given up too early")
				}
			}
		})
	}
}

// outage renews an outage for a number of minutes.
func outage(minutes int) func(*setup) {
	return func(s *setup) {
		for range minutes {
			s.elapse(time.Minute)
			_, err := s.pool.Exec(s.t.Context(), "UPDATE kos_outage SET until = clock_timestamp() - interval '1 second'")
			must(s.t, err)
		}
	}
}

func TestWaitersAreWokenOnAllReplicas(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	hold := make(chan struct{})
	s.handle = func(context.Context, queue.Item) queue.Outcome {
		<-hold
		return queue.Answered(nil)
	}
	var ended []<-chan struct{}
	for range 2 {
		q, _ := s.start()
		own, stop := q.Await(endpoint, "a")
		defer stop()
		other, stopOther := q.Await(endpoint, "b")
		defer stopOther()
		ended = append(ended, own)
		drain(t, own, other) // the listener has begun: notifications may have been lost
	}
	s.enqueue(item("a", "A"))
	close(hold)
	for _, own := range ended {
		drain(t, own)
	}
	if queued, err := must2(s.start()).Contains(t.Context(), endpoint, "a"); queued || err != nil {
		t.Errorf("queued %t, %v", queued, err)
	}
}

func must2(q *queue.Queue, _ func()) *queue.Queue { return q }

func drain(t *testing.T, channels ...<-chan struct{}) {
	t.Helper()
	for _, c := range channels {
		select {
		case <-c:
		case <-time.After(30 * time.Second):
			t.Fatal("not woken")
		}
	}
}
