package componenttest

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/events"
)

// lateness is how long after a change's completion its old plan may be shown. A
// machine that other tests share may stand still that long, now and then.
const (
	lateness   = time.Second
	standStill = 5 * time.Second
)

// sighting is a plan that was shown to somebody who asked at a time.
type sighting struct {
	asked time.Time
	plan  string
}

// watch is what somebody who asks for a plan all the time is shown.
type watch struct {
	mu   sync.Mutex
	seen []sighting
}

// ask asks at a replica, again and again, until stop is closed.
func (w *watch) ask(c *customer, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
			asked := time.Now()
			plan := c.plan()
			w.mu.Lock()
			w.seen = append(w.seen, sighting{asked, plan})
			w.mu.Unlock()
		}
	}
}

func (w *watch) reads() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen)
}

// lastShown returns how long after from, and before until, a plan was shown to
// somebody who asked then.
func (w *watch) lastShown(plan string, from, until time.Time) (after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.seen {
		if s.plan == plan && s.asked.After(from) && s.asked.Before(until) {
			after = max(after, s.asked.Sub(from))
		}
	}
	return after
}

// TestNoReplicaShowsTheOldPlan changes a plan to and fro while both replicas
// are asked for it all the time.
func TestNoReplicaShowsTheOldPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replicas: 2})
	c, first, second := w.anybody()
	stop := make(chan struct{})
	var (
		watchers sync.WaitGroup
		seen     watch
	)
	for i := range 4 {
		watchers.Go(func() { seen.ask(c.at(w.replicas[i%2]), stop) })
	}
	plans, late := []string{first, second}, 0
	for i := range 8 {
		old, next := plans[i%2], plans[(i+1)%2]
		got := c.at(w.replicas[i/2%2]).change(old, next)
		if got.status != http.StatusOK || got.data["processStatus"] != "COMPLETED" {
			t.Fatalf("change %d: %+v", i, got)
		}
		completed, err := time.Parse(time.RFC3339, fmt.Sprint(got.data["processedAt"]))
		if err != nil {
			t.Fatal(err)
		}
		w.eventually("both replicas show the new plan", func() bool {
			return c.at(w.replicas[0]).plan() == next && c.at(w.replicas[1]).plan() == next
		})
		enough := seen.reads() + 100 // in case the old plan comes back
		w.eventually("the plan has been read many times more", func() bool { return seen.reads() >= enough })
		if after := seen.lastShown(old, completed, time.Now()); after > lateness {
			late++
			t.Logf("change %d: the old plan was shown %s after its completion", i, after)
			if late > 1 || after > standStill {
				t.Errorf("%d changes were seen too late", late)
			}
		}
	}
	close(stop)
	watchers.Wait()
}

// Whoever changed the plan, the event is enough: KOS has changed it behind the
// service's back.
func TestAnEventEmptiesTheCachesOfAllReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replicas: 2})
	c, first, second := w.anybody()
	for _, r := range w.replicas {
		if got := c.at(r).plan(); got != first {
			t.Fatalf("before: %s", got)
		}
	}
	w.kos.Order(c.line, first, second)
	for _, r := range w.replicas {
		if got := c.at(r).plan(); got != first {
			t.Fatalf("nobody knows yet: %s", got)
		}
	}
	start := time.Now()
	w.publish("poison", "nobody's") // before
	w.publish("event", c.line)
	w.publish("event", c.line) // twice
	w.eventually("both replicas show the new plan", func() bool {
		return c.at(w.replicas[0]).plan() == second && c.at(w.replicas[1]).plan() == second
	})
	if took := time.Since(start); took > lateness {
		t.Errorf("after %s", took)
	}
}

// An event tells that a line has changed, not to what: whichever comes last, and
// however late, the newest plan stays.
func TestEventsInAnyOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replicas: 2})
	c, first, second := w.anybody()
	for _, step := range [][2]string{{first, second}, {second, first}, {first, second}} {
		if got := c.change(step[0], step[1]); got.data["processStatus"] != "COMPLETED" {
			t.Fatalf("got %+v", got)
		}
	}
	w.eventually("their own events have come", func() bool { return w.handled() >= 3 })
	before := w.handled()
	for _, id := range []string{"third", "first", "second", "first"} {
		w.publish(id, c.line)
	}
	w.eventually("all four have come", func() bool { return w.handled() >= before+4 })
	for i, r := range w.replicas {
		if got := c.at(r).plan(); got != second {
			t.Errorf("replica %d shows %s", i, got)
		}
	}
}

// publish sends the event that a line has changed.
func (w *world) publish(id, line string) {
	w.t.Helper()
	err := w.replicas[0].dapr.Client().Publish(w.t.Context(), "pubsub", sidecar.Event{
		ID: id, Type: events.ProductChanged, Data: events.Changed{LineNumber: line},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// handled returns how many events all replicas have taken.
func (w *world) handled() (n float64) {
	w.t.Helper()
	for _, r := range w.replicas {
		families, err := r.metrics.Gather()
		if err != nil {
			w.t.Fatal(err)
		}
		for _, family := range families {
			if family.GetName() != "phonebill_events_consumed_total" {
				continue
			}
			for _, metric := range family.GetMetric() {
				n += metric.GetCounter().GetValue()
			}
		}
	}
	return n
}

// There is no broker: the replicas hear of a new plan all the same.
func TestAnEventThatCannotBePublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replicas: 2, mute: true})
	c, first, second := w.anybody()
	for _, r := range w.replicas {
		c.at(r).plan()
	}
	if got := c.change(first, second); got.data["processStatus"] != "COMPLETED" {
		t.Fatalf("got %+v", got)
	}
	done := time.Now()
	w.eventually("both replicas show the new plan", func() bool {
		return c.at(w.replicas[0]).plan() == second && c.at(w.replicas[1]).plan() == second
	})
	if took := time.Since(done); took > lateness {
		t.Errorf("after %s", took)
	}
	w.eventually("the event is kept and tried again", func() bool {
		return w.count("SELECT count(*) FROM river_job WHERE kind = 'announce_change' AND attempt > 1") == 1
	})
}

func TestTheQueueIsMeasured(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	c := w.login(premiumLine)
	c.change(premium, basic)
	w.eventually("everything is counted", func() bool {
		n, err := testutil.GatherAndCount(w.replicas[0].metrics,
			"phonebill_changes_finished_total", "phonebill_change_duration_seconds", "phonebill_kos_queue_attempts_total",
			"phonebill_kos_queue_items", "phonebill_kos_queue_oldest_seconds", "phonebill_events_published_total", "phonebill_events_consumed_total")
		return err == nil && n >= 6
	})
}
