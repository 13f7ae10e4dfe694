package postgres_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
)

func TestTurnsAreTakenInOrder(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	first, second, third := s.accepted(t, number(1)), s.accepted(t, number(2)), s.accepted(t, number(3))
	if first.Ahead != 0 || second.Ahead != 1 || third.Ahead != 2 {
		t.Errorf("ahead: %d, %d, %d", first.Ahead, second.Ahead, third.Ahead)
	}
	if got := s.takeTurn(t, third); got.Granted || got.Ahead != 2 {
		t.Errorf("third: %+v", got)
	}
	if got := s.takeTurn(t, first); !got.Granted {
		t.Errorf("first: %+v", got)
	}
	// The first is at KOS: nobody waits for it.
	if got := s.takeTurn(t, third); got.Granted || got.Ahead != 1 {
		t.Errorf("third, again: %+v", got)
	}
	if got := s.takeTurn(t, second); !got.Granted {
		t.Errorf("second: %+v", got)
	}
	if got := s.takeTurn(t, third); !got.Granted {
		t.Errorf("third, at last: %+v", got)
	}
}

func TestWhoRestsInLineKeepsItsPlace(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	first, second := s.accepted(t, number(1)), s.accepted(t, number(2))
	s.takeTurn(t, first)
	must(t, s.queue.Rest(t.Context(), first, change.Rest{Reason: change.KOSUnavailable, Until: time.Now().Add(time.Hour), Asked: true}))
	second = s.load(t, second.RequestID)
	if second.Ahead != 1 || second.AheadWaits != change.KOSUnavailable {
		t.Errorf("second: %d ahead, the first waits for %q", second.Ahead, second.AheadWaits)
	}
	first = s.load(t, first.RequestID)
	if !first.Asked || first.AskedAt.IsZero() || first.Attempts != 1 || first.Status != change.Processing || first.Waiting != change.KOSUnavailable {
		t.Errorf("first: %+v", first)
	}
	if got := s.takeTurn(t, second); got.Granted {
		t.Error("the second has passed the first")
	}
}

func TestOthersPassWhoStepsAsideOrDoesNotCome(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rest    change.Rest
		until   time.Duration // from now
		granted bool
	}{
		"aside":          {change.Rest{Aside: true, Asked: true, Unanswered: 1}, time.Hour, true},
		"a little late":  {change.Rest{}, -time.Second, false},
		"does not come":  {change.Rest{}, -15 * time.Second, true},
		"in line, to be": {change.Rest{}, time.Minute, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, plenty)
			first, second := s.accepted(t, number(1)), s.accepted(t, number(2))
			test.rest.Reason, test.rest.Until = change.KOSUnavailable, time.Now().Add(test.until)
			must(t, s.queue.Rest(t.Context(), first, test.rest))
			if got := s.takeTurn(t, second); got.Granted != test.granted {
				t.Errorf("got %+v", got)
			}
			if got := s.load(t, first.RequestID); got.Unanswered != test.rest.Unanswered || got.Asked != test.rest.Asked {
				t.Errorf("rests as %+v", got)
			}
		})
	}
}

func TestATurnThatIsNotGrantedCostsNothing(t *testing.T) {
	t.Parallel()
	s := newStore(t, 6) // one call, then one in 12 s
	first, second := s.accepted(t, number(1)), s.accepted(t, number(2))
	for range 5 {
		if got := s.takeTurn(t, second); got.Granted || got.Ahead != 1 || got.Limited != 0 {
			t.Errorf("second: %+v", got)
		}
	}
	if got := s.takeTurn(t, first); !got.Granted {
		t.Errorf("first: %+v", got)
	}
	if got := s.takeTurn(t, second); got.Granted || got.Limited < 10*time.Second {
		t.Errorf("second, with the limit used up: %+v", got)
	}
	if got := s.load(t, second.RequestID); got.Attempts != 0 || got.Asked {
		t.Errorf("second: %+v", got)
	}
}

// However many processors on however many replicas ask in whatever order, turns
// are granted in the order of arrival and no faster than the limit.
func TestTurnsOfManyAreTakenInOrder(t *testing.T) {
	t.Parallel()
	const changes, burst = 60, 40
	a := newStore(t, burst*8)
	b := a.twin(t, burst*8)
	var waiting []change.Place
	for i := range changes {
		waiting = append(waiting, a.accepted(t, number(i)))
	}
	var (
		order   []string
		busy    [changes]atomic.Bool // a job is worked by one at a time
		granted atomic.Int32
		group   sync.WaitGroup
	)
	for i := range 8 {
		replica, random := []store{a, b}[i%2], rand.New(rand.NewPCG(1, uint64(i)))
		group.Go(func() {
			for granted.Load() < burst {
				n := random.IntN(changes)
				if !busy[n].CompareAndSwap(false, true) {
					continue
				}
				turn, err := replica.queue.TakeTurn(context.Background(), waiting[n])
				if err != nil {
					t.Error(err)
					return
				}
				if turn.Granted {
					granted.Add(1)
				} else {
					busy[n].Store(false)
				}
			}
		})
	}
	group.Wait()
	rows, err := a.pool.Query(t.Context(), "SELECT request_id::text FROM running_change WHERE asked ORDER BY asked_at")
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var id string
		must(t, rows.Scan(&id))
		order = append(order, id)
	}
	var want []string
	for _, place := range waiting[:min(len(order), changes)] {
		want = append(want, place.RequestID)
	}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("order of arrival and of turns (-want +got):\n%s", diff)
	}
	if len(order) < burst || len(order) > burst+5 { // a little comes back while the test runs
		t.Errorf("%d turns, the limit gives %d at once", len(order), burst)
	}
}

func TestAChangeEndsOnce(t *testing.T) {
	t.Parallel()
	a := newStore(t, plenty)
	b := a.twin(t, plenty)
	place := a.accepted(t, number(1))
	a.takeTurn(t, place)
	var done atomic.Int32
	var group sync.WaitGroup
	for i := range 20 {
		status := []change.Status{change.Completed, change.Failed}[i%2]
		group.Go(func() {
			ended, err := []store{a, b}[i%2].queue.Finish(context.Background(), place, outcome(status))
			if err != nil {
				t.Error(err)
			}
			if ended {
				done.Add(1)
			}
		})
	}
	group.Wait()
	if done.Load() != 1 {
		t.Errorf("ended %d times", done.Load())
	}
	if n := a.count(t, "SELECT count(*) FROM running_change"); n != 0 {
		t.Errorf("%d changes run", n)
	}
	final := a.load(t, place.RequestID)
	announced := a.count(t, "SELECT count(*) FROM river_job WHERE kind = 'announce_change'")
	if completed := final.Status == change.Completed; completed != (announced == 1) || announced > 1 {
		t.Errorf("%s and announced %d times", final.Status, announced)
	}
	// Whoever comes later leaves it alone.
	must(t, a.queue.Rest(t.Context(), place, change.Rest{Reason: change.KOSBusy, Until: time.Now()}))
	if turn := b.takeTurn(t, place); turn.Granted || turn.Ahead != 0 || turn.Limited != 0 {
		t.Errorf("a final change took a turn: %+v", turn)
	}
	if diff := cmp.Diff(final, a.load(t, place.RequestID)); diff != "" {
		t.Errorf("changed after its end:\n%s", diff)
	}
}

func TestTheEndIsToldAndTheLineFreed(t *testing.T) {
	t.Parallel()
	for _, status := range []change.Status{change.Completed, change.Failed} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			s := newStore(t, plenty)
			must(t, s.archive.KeepSubscriber(t.Context(), subscriber(number(1)), 0))
			conn, err := s.pool.Acquire(t.Context())
			must(t, err)
			defer conn.Release()
			_, err = conn.Exec(t.Context(), "LISTEN "+postgres.ChangeFinished+"; LISTEN "+postgres.LineChanged)
			must(t, err)

			place := s.accepted(t, number(1))
			s.finish(t, place, status)
			want := map[string]string{postgres.ChangeFinished: place.RequestID}
			if status == change.Completed {
				want[postgres.LineChanged] = number(1).Digits()
			}
			got := map[string]string{}
			for range want {
				said, err := conn.Conn().WaitForNotification(t.Context())
				must(t, err)
				got[said.Channel] = said.Payload
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			_, _, kept := s.archive.Subscriber(t.Context(), number(1))
			if forgotten := kept != nil; forgotten != (status == change.Completed) {
				t.Errorf("the line as it was: %v", kept)
			}
			s.accepted(t, number(1)) // the next change of the line
		})
	}
}

func TestAScheduledChangeIsAnnouncedOnItsDay(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	must(t, s.archive.KeepSubscriber(t.Context(), subscriber(number(1)), 0))
	c := asked(t, number(1))
	c.Effective = change.DayOf(time.Now().AddDate(0, 0, 3))
	must(t, s.book.Accept(t.Context(), c, change.Key{}))
	scheduled := outcome(change.Completed)
	scheduled.Scheduled = true
	if done, err := s.queue.Finish(t.Context(), s.load(t, c.RequestID), scheduled); !done || err != nil {
		t.Fatalf("%t, %v", done, err)
	}
	var at time.Time
	must(t, s.pool.QueryRow(t.Context(), "SELECT scheduled_at FROM river_job WHERE kind = 'announce_change' AND state = 'scheduled'").Scan(&at))
	if !at.Equal(c.Effective.Start()) {
		t.Errorf("announced %s, want %s", at, c.Effective.Start())
	}
	if _, _, err := s.archive.Subscriber(t.Context(), number(1)); err != nil {
		t.Errorf("the line is forgotten while it still has the old plan: %v", err)
	}
}

func TestLoadOfNothing(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	for _, id := range []string{"", "nonsense", "00000000-0000-0000-0000-000000000000", asked(t, number(1)).RequestID} {
		if _, err := s.queue.Load(t.Context(), id); !errors.Is(err, change.ErrNoChange) {
			t.Errorf("%q: %v", id, err)
		}
	}
}
