package metrics_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/metrics"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
)

func TestCounters(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	m := metrics.New(registry)
	m.Attempted(change.StepQueued)
	m.Finished(change.Completed, change.OK, time.Second)
	m.Finished(change.Failed, "2004", time.Minute)
	m.Finished(change.Failed, "a code that KOS has made up", time.Minute)
	want := strings.NewReader(`
# HELP phonebill_change_attempts_total How often changes were looked after, by what that led to.
# TYPE phonebill_change_attempts_total counter
phonebill_change_attempts_total{step="queued"} 1
# HELP phonebill_changes_finished_total Plan changes that became final, by status and result code.
# TYPE phonebill_changes_finished_total counter
phonebill_changes_finished_total{code="0000",status="COMPLETED"} 1
phonebill_changes_finished_total{code="2004",status="FAILED"} 1
phonebill_changes_finished_total{code="other",status="FAILED"} 1
`)
	if err := testutil.GatherAndCompare(registry, want, "phonebill_change_attempts_total", "phonebill_changes_finished_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry, "phonebill_change_duration_seconds"); n != 2 || err != nil {
		t.Errorf("durations of %d states, %v", n, err)
	}
}

// queue is what is waiting.
type queue struct {
	mu      sync.Mutex
	waiting []postgres.Waiting
	err     error
}

func (q *queue) Waiting(context.Context) ([]postgres.Waiting, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting, q.err
}

func (q *queue) set(waiting []postgres.Waiting, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting, q.err = waiting, err
}

func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		registry, q := prometheus.NewRegistry(), &queue{}
		m := metrics.New(registry)
		ctx, stop := context.WithCancel(t.Context())
		go m.Watch(ctx, q, slog.New(slog.DiscardHandler), time.Now)
		want := func(text string) {
			t.Helper()
			synctest.Wait()
			if err := testutil.GatherAndCompare(registry, strings.NewReader(text), "phonebill_changes_waiting", "phonebill_changes_oldest_waiting_seconds"); err != nil {
				t.Error(err)
			}
		}
		const oldest = `
# HELP phonebill_changes_oldest_waiting_seconds Age of the oldest accepted change that is not final; 0 if there is none.
# TYPE phonebill_changes_oldest_waiting_seconds gauge
phonebill_changes_oldest_waiting_seconds `
		want(oldest + "0\n")

		now := time.Now()
		waiting := []postgres.Waiting{
			{Status: change.Pending, Count: 2, Oldest: now.Add(-time.Second)},
			{Status: change.Processing, Reason: change.KOSUnavailable, Count: 3, Oldest: now.Add(-time.Minute)},
		}
		q.set(waiting, nil)
		time.Sleep(5 * time.Second) //nolint:forbidigo // on the bubble's clock
		const both = `
# HELP phonebill_changes_waiting Accepted changes that are not final, of all replicas, by status and what they wait for.
# TYPE phonebill_changes_waiting gauge
phonebill_changes_waiting{reason="KOS_UNAVAILABLE",status="PROCESSING"} 3
phonebill_changes_waiting{reason="NONE",status="PENDING"} 2
`
		want(oldest + "65\n" + both)

		q.set(nil, errors.New("connection refused")) // what was seen last stays
		time.Sleep(5 * time.Second)                  //nolint:forbidigo // on the bubble's clock
		want(oldest + "65\n" + both)

		q.set(nil, nil)
		time.Sleep(5 * time.Second) //nolint:forbidigo // on the bubble's clock
		want(oldest + "0\n")
		stop()
	})
}
