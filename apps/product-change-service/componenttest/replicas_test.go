package componenttest

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/events"
)

// lateness is how long after the end of a change the old plan may be served. A machine that
// other tests share may stall that long.
const (
	lateness   = time.Second
	standStill = 5 * time.Second
)

// sighting is a plan that was served to a request of a time.
type sighting struct {
	asked time.Time
	plan  string
}

// watch records the plans that a series of requests gets.
type watch struct {
	mu   sync.Mutex
	seen []sighting
}

// ask requests the plan at a replica, again and again, until stop is closed.
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

// lastShown returns how long after from, and before until, a plan was served to a request of
// then.
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

// TestNoReplicaServesTheOldPlan changes a plan back and forth while clients read it from both
// replicas.
func TestNoReplicaServesTheOldPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replicas: 2})
	c, first, second := w.anyCustomer()
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
				t.Errorf("%d changes were served too late", late)
			}
		}
	}
	close(stop)
	watchers.Wait()
}

// The event suffices to invalidate a line, here after a change that the service does not
// know of.
func TestEventInvalidatesAllReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replicas: 2})
	c, first, second := w.anyCustomer()
	for _, r := range w.replicas {
		if got := c.at(r).plan(); got != first {
			t.Fatalf("before: %s", got)
		}
	}
	w.kos.Order(c.line, first, second)
	for _, r := range w.replicas {
		if got := c.at(r).plan(); got != first {
			t.Fatalf("before the event: %s", got)
		}
	}
	start := time.Now()
	w.publish("poison", "unknown") // before
	w.publish("event", c.line)
	w.publish("event", c.line) // twice
	if after := w.lastShown(c, first, second, start); after > lateness {
		t.Errorf("the old plan was shown %s after the event", after)
	}
}

// lastShown waits until both replicas show the new plan. It returns how long after start the
// last request was sent that was answered with the old one.
func (w *world) lastShown(c *customer, old, next string, start time.Time) (after time.Duration) {
	w.t.Helper()
	w.eventually("both replicas show the new plan", func() bool {
		shown := 0
		for _, r := range w.replicas {
			sent := time.Since(start)
			switch c.at(r).plan() {
			case next:
				shown++
			case old:
				after = sent
			}
		}
		return shown == len(w.replicas)
	})
	return after
}

// An event says that a line has changed, not its plan: events in any order, however late,
// leave the newest plan.
func TestEventsInAnyOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replicas: 2})
	c, first, second := w.anyCustomer()
	for _, step := range [][2]string{{first, second}, {second, first}, {first, second}} {
		if got := c.change(step[0], step[1]); got.data["processStatus"] != "COMPLETED" {
			t.Fatalf("got %+v", got)
		}
	}
	w.eventually("the service's own events are handled", func() bool { return w.handled() >= 3 })
	before := w.handled()
	for _, id := range []string{"third", "first", "second", "first"} {
		w.publish(id, c.line)
	}
	w.eventually("all four are handled", func() bool { return w.handled() >= before+4 })
	for i, r := range w.replicas {
		if got := c.at(r).plan(); got != second {
			t.Errorf("replica %d shows %s", i, got)
		}
	}
}

// publish publishes the event of a changed line.
func (w *world) publish(id, line string) {
	w.t.Helper()
	err := w.replicas[0].dapr.Client().Publish(w.t.Context(), "pubsub", sidecar.Event{
		ID: id, Type: events.ProductChanged, Data: events.Changed{LineNumber: line},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// handled returns how many events all replicas have handled.
func (w *world) handled() (n float64) {
	w.t.Helper()
	for _, r := range w.replicas {
		n += w.metric(r.metrics, "phonebill_events_consumed_total")
	}
	return n
}

// metric returns the sum of a counter, or of a histogram's observations, over all its labels.
func (w *world) metric(registry *prometheus.Registry, name string) (sum float64) {
	w.t.Helper()
	families, err := registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			sum += metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// Without a broker the replicas are still notified of a new plan, through PostgreSQL.
func TestUnpublishedEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replicas: 2, noBroker: true})
	c, first, second := w.anyCustomer()
	for _, r := range w.replicas {
		c.at(r).plan()
	}
	if got := c.change(first, second); got.data["processStatus"] != "COMPLETED" {
		t.Fatalf("got %+v", got)
	}
	done := time.Now()
	if after := w.lastShown(c, first, second, done); after > lateness {
		t.Errorf("the old plan was shown %s after the change", after)
	}
	w.eventually("the event is kept and retried", func() bool {
		return w.count("SELECT count(*) FROM river_job WHERE kind = 'announce_change' AND attempt > 1") == 1
	})
}

func TestQueueMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	c := w.login(premiumLine)
	c.change(premium, basic)
	registry := w.replicas[0].metrics
	for _, name := range []string{
		"phonebill_changes_finished_total", "phonebill_change_duration_seconds", "phonebill_kos_queue_attempts_total",
		"phonebill_kos_call_duration_seconds", "phonebill_events_published_total", "phonebill_events_consumed_total",
	} {
		w.eventually(name+" is counted", func() bool { return w.metric(registry, name) > 0 })
	}
	w.eventually("the gauges are set", func() bool {
		n, err := testutil.GatherAndCount(registry, "phonebill_kos_queue_items", "phonebill_kos_queue_oldest_seconds")
		return err == nil && n >= 2
	})
}
