package postgres_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

func TestAChangeEndsOnce(t *testing.T) {
	t.Parallel()
	a := newStore(t, plenty)
	b := a.twin(t, plenty)
	c := a.accepted(t, number(1))
	var ends atomic.Int32
	var group sync.WaitGroup
	for i := range 20 {
		status := []change.Status{change.Completed, change.Failed}[i%2]
		group.Go(func() {
			ended, err := []store{a, b}[i%2].end(context.Background(), c, outcome(status))
			if err != nil {
				t.Error(err)
			}
			if ended {
				ends.Add(1)
			}
		})
	}
	group.Wait()
	final := a.load(t, c)
	announced := a.count(t, "SELECT count(*) FROM river_job WHERE kind = 'announce_change'")
	if completed := final.Status == change.Completed; ends.Load() != 1 || completed != (announced == 1) || announced > 1 {
		t.Errorf("ended %d times as %s and announced %d times", ends.Load(), final.Status, announced)
	}
	if _, err := b.changes.Begin(t.Context(), c.RequestID); !errors.Is(err, change.ErrNoChange) {
		t.Errorf("processed again: %v", err)
	}
	if diff := cmp.Diff(final, a.load(t, c)); diff != "" {
		t.Errorf("changed after its end:\n%s", diff)
	}
}

func TestEndOfAChangeInvalidatesTheLine(t *testing.T) {
	t.Parallel()
	for _, status := range []change.Status{change.Completed, change.Failed} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			s := newStore(t, plenty)
			expect.NoError(t, s.archive.KeepSubscriber(t.Context(), subscriber(number(1)), product.Version{}))
			conn, err := s.pool.Acquire(t.Context())
			expect.NoError(t, err)
			defer conn.Release()
			_, err = conn.Exec(t.Context(), "LISTEN "+postgres.LineChanged)
			expect.NoError(t, err)
			s.finish(t, s.accepted(t, number(1)), status)
			if status == change.Completed {
				got, err := conn.Conn().WaitForNotification(t.Context())
				expect.NoError(t, err)
				if got.Payload != number(1).Digits() {
					t.Errorf("notified %+v", got)
				}
			}
			_, _, kept := s.archive.Subscriber(t.Context(), number(1))
			if forgotten := kept != nil; forgotten != (status == change.Completed) {
				t.Errorf("the archived line: %v", kept)
			}
			s.accepted(t, number(1)) // the next change of the line
		})
	}
}

func TestAScheduledChangeIsAnnouncedOnItsDay(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	expect.NoError(t, s.archive.KeepSubscriber(t.Context(), subscriber(number(1)), product.Version{}))
	c := asked(t, number(1))
	c.Effective = change.DayOf(time.Now().AddDate(0, 0, 3))
	expect.NoError(t, s.changes.Accept(t.Context(), c, change.Key{}, product.Version{}))
	scheduled := outcome(change.Completed)
	scheduled.Scheduled = true
	if ended, err := s.end(t.Context(), c, scheduled); !ended || err != nil {
		t.Fatalf("%t, %v", ended, err)
	}
	var at time.Time
	expect.NoError(t, s.pool.QueryRow(t.Context(), "SELECT scheduled_at FROM river_job WHERE kind = 'announce_change' AND state = 'scheduled'").Scan(&at))
	if !at.Equal(c.Effective.Start()) {
		t.Errorf("announced %s, want %s", at, c.Effective.Start())
	}
	if _, _, err := s.archive.Subscriber(t.Context(), number(1)); err != nil {
		t.Errorf("the line is invalidated while it still has the old plan: %v", err)
	}
}

func TestBeginOfAnUnknownChange(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	for _, id := range []string{"", "nonsense", "00000000-0000-0000-0000-000000000000", asked(t, number(1)).RequestID} {
		if _, err := s.changes.Begin(t.Context(), id); !errors.Is(err, change.ErrNoChange) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestOnlyACompletedChangeIsAnnounced(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	c := s.accepted(t, number(1))
	if _, err := s.changes.Completed(t.Context(), c.RequestID); !errors.Is(err, change.ErrNoChange) {
		t.Errorf("a change in progress: %v", err)
	}
	s.finish(t, c, change.Completed)
	found, err := s.changes.Completed(t.Context(), c.RequestID)
	if err != nil || found.Line != number(1) || found.Target.Code != target.Code {
		t.Errorf("got %+v, %v", found, err)
	}
}
