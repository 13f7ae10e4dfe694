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

// lateness is how long after a change's completion its old plan may be shown.
const lateness = time.Second

// sighting is a plan that was shown to somebody who asked at a time.
type sighting struct {
	asked time.Time
	plan  string
}

// watch reads the plan at a replica, again and again, until stop is closed.
func (c *customer) watch(stop <-chan struct{}) (seen []sighting) {
	for {
		select {
		case <-stop:
			return seen
		default:
			asked := time.Now()
			seen = append(seen, sighting{asked, c.plan()})
		}
	}
}

// TestNoReplicaShowsTheOldPlan changes a plan to and fro while both replicas
// are asked for it all the time.
func TestNoReplicaShowsTheOldPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replicas: 2})
	c, first, second := w.anybody()
	stop := make(chan struct{})
	var watchers sync.WaitGroup
	seen := make([][]sighting, 4)
	for i := range seen {
		watchers.Go(func() { seen[i] = c.at(w.replicas[i%2]).watch(stop) })
	}
	type completion struct {
		at   time.Time
		plan string
	}
	var completions []completion
	current, next := first, second
	for i := range 8 {
		got := c.at(w.replicas[i/2%2]).change(current, next)
		if got.status != http.StatusOK || got.data["processStatus"] != "COMPLETED" {
			t.Fatalf("change %d: %+v", i, got)
		}
		at, err := time.Parse(time.RFC3339, fmt.Sprint(got.data["processedAt"]))
		if err != nil {
			t.Fatal(err)
		}
		completions = append(completions, completion{at, next})
		w.eventually("both replicas show the new plan", func() bool {
			return c.at(w.replicas[0]).plan() == next && c.at(w.replicas[1]).plan() == next
		})
		if late := time.Since(at); late > lateness {
			t.Errorf("change %d was seen everywhere after %s", i, late)
		}
		current, next = next, current
	}
	close(stop)
	watchers.Wait()
	reads := 0
	for i, sightings := range seen {
		reads += len(sightings)
		for _, s := range sightings {
			want := first
			settled := true
			for _, c := range completions {
				if s.asked.After(c.at.Add(lateness)) {
					want, settled = c.plan, true
				} else if !s.asked.Before(c.at.Add(-5 * time.Second)) {
					settled = false // about to change, or just changed
				}
			}
			if settled && s.plan != want {
				t.Errorf("watcher %d was shown %s at %s, want %s", i, s.plan, s.asked.Format(time.StampMilli), want)
			}
		}
	}
	if reads < 100 {
		t.Errorf("only %d reads", reads)
	}
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
	publish := func(line string) {
		t.Helper()
		err := w.replicas[0].dapr.Client().Publish(t.Context(), "pubsub", sidecar.Event{
			ID: "event", Type: events.ProductChanged, Data: events.Changed{LineNumber: line},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	publish("nobody's") // poison, before
	publish(c.line)
	publish(c.line) // twice
	w.eventually("both replicas show the new plan", func() bool {
		return c.at(w.replicas[0]).plan() == second && c.at(w.replicas[1]).plan() == second
	})
	if took := time.Since(start); took > lateness {
		t.Errorf("after %s", took)
	}
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
			"phonebill_changes_finished_total", "phonebill_change_duration_seconds", "phonebill_change_attempts_total",
			"phonebill_changes_oldest_waiting_seconds", "phonebill_events_published_total", "phonebill_events_consumed_total")
		return err == nil && n >= 6
	})
}
