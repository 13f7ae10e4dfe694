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

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/kos/queue"
)

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
	s.eventually("the others have ended", func() bool { return s.count("SELECT count(*) FROM kos_queue") == 1 })
	standing, err := q.Standing(t.Context(), endpoint, "a")
	expect.NoError(t, err)
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
	s.eventually("the other has ended", func() bool { return s.count("SELECT count(*) FROM kos_queue") == 1 })
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
		expect.NoError(t, err)
		return standing.Reason == queue.Unavailable
	})
	for range 2 {
		s.settled() // both replicas have left the outage to the clock
		n := len(s.keys())
		s.elapse(3 * time.Second)
		s.eventually("KOS is called again", func() bool { return len(s.keys()) > n })
	}
	s.settled()
	for _, item := range s.items() {
		if item.Key == "c" || item.InDoubt || !item.AttemptedAt.IsZero() {
			t.Errorf("handled %+v", item)
		}
	}
	away.Clear()
	s.elapse(3 * time.Second)
	s.empty()
	if claims := s.claims(); !slices.Equal(claims[len(claims)-3:], []string{"a", "b", "c"}) {
		t.Errorf("claimed %v", claims)
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
	expect.NoError(t, err)
	away.Clear()
	before := len(s.keys())
	_, err = s.pool.Exec(t.Context(), "UPDATE kos_outage SET until = clock_timestamp()")
	expect.NoError(t, err)
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
	expect.NoError(t, err)
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

func TestPanicSetsItemAsideForLongerEachTime(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.handle = func(_ context.Context, item queue.Item) queue.Outcome {
		if item.Key == "a" {
			panic("unexpected")
		}
		return queue.Answered(nil)
	}
	s.enqueue(item("a", "A"), item("b", "B"))
	s.start()
	s.eventually("the other is handled", func() bool { return slices.Contains(s.keys(), "b") })
	for backoff := 3; backoff <= 12; backoff *= 2 {
		aside := fmt.Sprintf("SELECT count(*) FROM kos_queue WHERE lease_until IS NULL AND due_at > clock_timestamp() + interval '%d seconds'", backoff-2)
		s.eventually("the item is set aside", func() bool { return s.count(aside) == 1 })
		s.elapse(time.Duration(backoff) * time.Second)
	}
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
			expect.NoError(s.t, err)
		}
	}
}
