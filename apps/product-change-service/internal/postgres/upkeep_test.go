package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/queue"
)

func TestStalledChangesArePutBackToWork(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	lost, waiting, discarded := s.accepted(t, number(1)), s.accepted(t, number(2)), s.accepted(t, number(3))
	drop := func(sql string, p change.Place) {
		t.Helper()
		_, err := s.pool.Exec(t.Context(), sql+" WHERE args ->> 'requestId' = $1", p.RequestID)
		must(t, err)
	}
	drop("DELETE FROM river_job", lost)
	drop("UPDATE river_job SET state = 'discarded', finalized_at = now()", discarded)

	requeue := func(before time.Time, want int) {
		t.Helper()
		found, err := s.queue.Requeue(t.Context(), queue.KindProcess, before)
		if found != want || err != nil {
			t.Errorf("found %d, %v; want %d", found, err, want)
		}
	}
	requeue(lost.RequestedAt, 0) // none is late yet
	requeue(time.Now(), 2)
	requeue(time.Now(), 0)
	for _, p := range []change.Place{lost, waiting, discarded} {
		live := s.count(t, "SELECT count(*) FROM river_job WHERE args ->> 'requestId' = $1 AND state = 'available'", p.RequestID)
		if live != 1 {
			t.Errorf("%d live jobs for change %s", live, p.Line)
		}
	}
}

func TestWaitingChangesAreCounted(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	first := s.accepted(t, number(1))
	s.accepted(t, number(2))
	limited := s.accepted(t, number(3))
	must(t, s.queue.Rest(t.Context(), limited, change.Rest{Reason: change.Limit, Until: time.Now()}))
	s.finish(t, s.accepted(t, number(4)), change.Completed)

	waiting, err := s.queue.Waiting(t.Context())
	must(t, err)
	want := []postgres.Waiting{
		{Status: change.Pending, Reason: change.NotWaiting, Count: 2, Oldest: first.RequestedAt},
		{Status: change.Processing, Reason: change.Limit, Count: 1, Oldest: limited.RequestedAt},
	}
	byStatus := cmpopts.SortSlices(func(a, b postgres.Waiting) bool { return a.Status < b.Status })
	if diff := cmp.Diff(want, waiting, byStatus, cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOnlyACompletedChangeIsAnnounced(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	place := s.accepted(t, number(1))
	if _, err := s.queue.Completed(t.Context(), place.RequestID); err == nil {
		t.Error("a change that runs")
	}
	s.finish(t, place, change.Completed)
	found, err := s.queue.Completed(t.Context(), place.RequestID)
	if err != nil || found.Line != number(1) || found.Target.Code != target.Code {
		t.Errorf("got %+v, %v", found, err)
	}
}
