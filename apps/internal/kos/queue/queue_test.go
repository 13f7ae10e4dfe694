package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/expect"
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
	if diff := cmp.Diff(want, payload(t, got[0].Item)); diff != "" {
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
	var want []string
	for _, r := range requests {
		want = append(want, r.Key)
	}
	if diff := cmp.Diff(want, s.claims()); diff != "" {
		t.Error(diff)
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
	expect.NoError(t, err)
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
