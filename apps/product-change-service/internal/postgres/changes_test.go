package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

func TestAcceptStoresChangeKeyAndItem(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	c := asked(t, number(1))
	c.Effective = "2026-12-24"
	expect.NoError(t, s.changes.Accept(t.Context(), c, change.Key{Text: "key", Body: []byte("body")}, product.Version{}))

	found, err := s.history.Find(t.Context(), c.UserID, c.RequestID)
	expect.NoError(t, err)
	if diff := cmp.Diff(c, normal(found)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if n := s.count(t, `SELECT count(*) FROM kos_queue WHERE endpoint = 'product-change' AND payload ->> 'requestId' = $1`, c.RequestID); n != 1 {
		t.Errorf("%d queue items", n)
	}
	id, body, err := s.changes.FindKey(t.Context(), c.UserID, "key")
	if id != c.RequestID || string(body) != "body" || err != nil {
		t.Errorf("found %s %q, %v", id, body, err)
	}
	if _, _, err := s.changes.FindKey(t.Context(), "testuser02", "key"); !errors.Is(err, change.ErrNoChange) {
		t.Errorf("another user's key: %v", err)
	}
	for customer, want := range map[string]bool{c.CustomerID: true, "CUST999": false} {
		running, err := s.changes.InProgress(t.Context(), product.Subscription{Customer: customer, Line: c.Line})
		if running != want || err != nil {
			t.Errorf("in progress for %s: %t, %v", customer, running, err)
		}
	}
}

// normal returns a change with its times in one zone.
func normal(c change.Change) change.Change {
	c.RequestedAt = c.RequestedAt.UTC()
	if !c.ProcessedAt.IsZero() {
		c.ProcessedAt = c.ProcessedAt.UTC()
	}
	return c
}

func TestOneOfTwoHundredChangesOfALineIsAccepted(t *testing.T) {
	t.Parallel()
	a := newStore(t, plenty)
	b := a.twin(t, plenty)
	errs := together(200, func(i int) error {
		return []store{a, b}[i%2].changes.Accept(context.Background(), asked(t, number(1)), change.Key{}, product.Version{})
	})
	if errs[nil] != 1 || errs[change.ErrInProgress] != 199 {
		t.Errorf("got %v", errs)
	}
	for _, table := range []string{"change_request", "kos_queue"} {
		if n := a.count(t, "SELECT count(*) FROM "+table); n != 1 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
}

// An order may have been checked before a change that has ended meanwhile.
func TestOrderCheckedAgainstAnOlderPlanIsNotAccepted(t *testing.T) {
	t.Parallel()
	for status, want := range map[change.Status]error{change.Completed: change.ErrInProgress, change.Failed: nil} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			s := newStore(t, plenty)
			_, seen, _ := s.archive.Subscriber(t.Context(), number(1))
			s.finish(t, s.accepted(t, number(1)), status)
			if err := s.changes.Accept(t.Context(), asked(t, number(1)), change.Key{}, seen); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
}

func TestAKeyIsTakenOnce(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	errs := together(100, func(i int) error {
		// Each for another line, so that they conflict by the key only.
		return s.changes.Accept(context.Background(), asked(t, number(i)), change.Key{Text: "key", Body: []byte("body")}, product.Version{})
	})
	if errs[nil] != 1 || errs[change.ErrKeyTaken] != 99 {
		t.Errorf("got %v", errs)
	}
	for _, table := range []string{"change_request", "kos_queue", "idempotency_key"} {
		if n := s.count(t, "SELECT count(*) FROM "+table); n != 1 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
}

// together calls f n times at once and counts its results.
func together(n int, call func(i int) error) map[error]int {
	var (
		mu    sync.Mutex
		group sync.WaitGroup
		errs  = map[error]int{}
		start = make(chan struct{})
	)
	for i := range n {
		group.Go(func() {
			<-start
			err := call(i)
			for _, known := range []error{change.ErrInProgress, change.ErrKeyTaken} {
				if errors.Is(err, known) {
					err = known
				}
			}
			mu.Lock()
			defer mu.Unlock()
			errs[err]++
		})
	}
	close(start)
	group.Wait()
	return errs
}

func TestNothingIsAcceptedWithoutAQueueItem(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	_, err := s.pool.Exec(t.Context(), "ALTER TABLE kos_queue ADD CHECK (false) NOT VALID")
	expect.NoError(t, err)
	if err := s.changes.Accept(t.Context(), asked(t, number(1)), change.Key{Text: "key", Body: []byte("body")}, product.Version{}); err == nil {
		t.Fatal("accepted")
	}
	for _, table := range []string{"change_request", "kos_queue", "idempotency_key"} {
		if n := s.count(t, "SELECT count(*) FROM "+table); n != 0 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
}

func TestExpiredKeysAreDeleted(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	c := asked(t, number(1))
	expect.NoError(t, s.changes.Accept(t.Context(), c, change.Key{Text: "key", Body: []byte("body")}, product.Version{}))
	expect.NoError(t, s.changes.DeleteKeys(t.Context(), c.RequestedAt))
	if _, _, err := s.changes.FindKey(t.Context(), c.UserID, "key"); err != nil {
		t.Errorf("too early: %v", err)
	}
	expect.NoError(t, s.changes.DeleteKeys(t.Context(), c.RequestedAt.Add(time.Second)))
	if _, _, err := s.changes.FindKey(t.Context(), c.UserID, "key"); !errors.Is(err, change.ErrNoChange) {
		t.Errorf("too late: %v", err)
	}
}
