package queue_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/kos/queue"
)

// TestFullQueueAdmitsWhatIsQueued joins an item just after the queue was full.
func TestFullQueueAdmitsWhatIsQueued(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.capacity = [2]int{1, 1}
	q, _ := s.replica()
	for _, c := range []struct {
		key  string
		want error
	}{{"one", nil}, {"two", queue.ErrFull}, {"two", queue.ErrFull}, {"one", nil}} {
		written := false
		_, err := q.Add(t.Context(), item(c.key, c.key), func(pgx.Tx, queue.Ticket) error {
			written = true
			return nil
		})
		if !errors.Is(err, c.want) || written != (c.want == nil) {
			t.Errorf("%s: %v, written %t", c.key, err, written)
		}
	}
}

// TestFullClassIsNotCountedAgain refuses by what the process remembers: the queue is empty.
func TestFullClassIsNotCountedAgain(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.capacity = [2]int{1, 1}
	q, _ := s.replica()
	q.RememberFull(item("one", "one"))
	if _, err := q.Add(t.Context(), item("one", "one"), nil); !errors.Is(err, queue.ErrFull) {
		t.Errorf("the class that was full: %v", err)
	}
	if _, err := q.Add(t.Context(), background(item("one", "one")), nil); err != nil {
		t.Errorf("the other class: %v", err)
	}
}

// TestWorkGoesOnWhileRequestsHoldAllConnections gives the dispatcher connections of its own.
func TestWorkGoesOnWhileRequestsHoldAllConnections(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	q, pool := s.replica()
	for range pool.Config().MaxConns {
		conn, err := pool.Acquire(t.Context())
		expect.NoError(t, err)
		defer conn.Release()
	}
	handlers := map[string]queue.Handler{endpoint: s.record}
	d := queue.NewDispatcher(q.On(s.pool), handlers, queue.NewMetrics(prometheus.NewRegistry()), slog.New(slog.DiscardHandler), untraced)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	defer running.Wait()
	defer cancel()
	s.enqueue(item("one", "one"))
	expect.Eventually(t, "the item has ended", func() bool {
		var left int
		expect.NoError(t, s.pool.QueryRow(t.Context(), "SELECT count(*) FROM kos_queue").Scan(&left))
		return left == 0 && len(s.items()) == 1
	})
}
