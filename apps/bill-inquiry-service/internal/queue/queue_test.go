package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/queue"
	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// work is all that jobs do, and notes it.
type work struct {
	mu       sync.Mutex
	serve    func(ctx context.Context, try int) (sleep time.Duration, err error)
	served   []string // endpoint and question
	hopeless []bill.Turn
	limit    time.Duration // after which they were asked for
	kind     string        // of the jobs that questions need
	gaveUp   []int64
	nights   []string
}

// Serve implements queue.Fetcher.
func (w *work) Serve(ctx context.Context, endpoint bill.Endpoint, fetchID int64) (time.Duration, error) {
	w.mu.Lock()
	w.served = append(w.served, fmt.Sprint(endpoint, " ", fetchID))
	try, serve := len(w.served), w.serve
	w.mu.Unlock()
	if serve == nil {
		return 0, nil
	}
	return serve(ctx, try)
}

// GiveUp implements queue.Fetcher. One question cannot be given up.
func (w *work) GiveUp(_ context.Context, turn bill.Turn) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if turn.FetchID == unwilling {
		return errors.New("connection refused")
	}
	w.gaveUp = append(w.gaveUp, turn.FetchID)
	return nil
}

const unwilling = 13

// Requeue implements queue.Line.
func (w *work) Requeue(_ context.Context, kind string) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kind = kind
	return 1, nil
}

// Hopeless implements queue.Line.
func (w *work) Hopeless(_ context.Context, limit time.Duration) ([]bill.Turn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limit = limit
	return w.hopeless, nil
}

// Nightly implements queue.Nightly.
func (w *work) Nightly(_ context.Context, perMinute int, every time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nights = append(w.nights, fmt.Sprint(perMinute, " every ", every))
	return nil
}

// times returns how often questions were served.
func (w *work) times() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.served)
}

// setup is a database and the work that its jobs do.
type setup struct {
	t    *testing.T
	pool *pgxpool.Pool
	jobs *queue.Jobs
	work *work
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	db := pgtest.New(t, postgres.Migrations(), pgtest.Step{Name: jobs.Version, Apply: jobs.Migrate})
	made, err := queue.NewJobs(db.Pool, slog.New(slog.DiscardHandler))
	must(t, err)
	return &setup{t: t, pool: db.Pool, jobs: made, work: &work{}}
}

// start works jobs until the test ends or stop is called.
func (s *setup) start(opts queue.Options) (stop func()) {
	s.t.Helper()
	runner, err := queue.NewRunner(s.pool, pg.Direct{Pool: s.pool}, queue.Work{Fetcher: s.work, Line: s.work, Nightly: s.work}, opts, slog.New(slog.DiscardHandler))
	must(s.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		runner.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	s.t.Cleanup(stop)
	return stop
}

// fetch has a question seen to.
func (s *setup) fetch(endpoint bill.Endpoint, class bill.Class, fetchID int64) {
	s.t.Helper()
	must(s.t, pgx.BeginFunc(s.t.Context(), s.pool, func(tx pgx.Tx) error {
		return s.jobs.Fetch(s.t.Context(), tx, endpoint, class, fetchID)
	}))
}

// states returns those of the jobs of questions, with their priorities.
func (s *setup) states() string {
	s.t.Helper()
	var states string
	must(s.t, s.pool.QueryRow(s.t.Context(), `
		SELECT coalesce(string_agg(state || ' ' || priority, ', ' ORDER BY id), '') FROM river_job WHERE kind = $1`, queue.KindFetch).Scan(&states))
	return states
}

func (s *setup) eventually(what string, condition func() bool) {
	s.t.Helper()
	deadline := time.After(60 * time.Second)
	for !condition() {
		select {
		case <-deadline:
			s.t.Fatalf("not within 60 s: %s; jobs are %s", what, s.states())
		case <-time.After(20 * time.Millisecond): // the next look
		}
	}
}

// A job sleeps for as long as it is told, comes back after a fault of ours, and
// is done when its question is gone.
func TestAQuestionIsSeenToUntilItIsGone(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.work.serve = func(_ context.Context, try int) (time.Duration, error) {
		switch try {
		case 1:
			return 50 * time.Millisecond, nil
		case 2:
			return 0, errors.New("connection refused")
		}
		return 0, nil
	}
	s.fetch(bill.ProductInquiry, bill.Interactive, 7)
	s.start(queue.Options{})
	s.eventually("the job is done", func() bool { return s.states() == "completed 1" })
	if diff := cmp.Diff([]string{"product-inquiry 7", "product-inquiry 7", "product-inquiry 7"}, s.work.served); diff != "" {
		t.Errorf("served (-want +got):\n%s", diff)
	}
}

// A question that is not committed has no job, and one of the background is
// looked at last.
func TestJobsComeWithTheirQuestions(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	gone := errors.New("rolled back")
	err := pgx.BeginFunc(t.Context(), s.pool, func(tx pgx.Tx) error {
		must(t, s.jobs.Fetch(t.Context(), tx, bill.BillInquiry, bill.Interactive, 1))
		return gone
	})
	if !errors.Is(err, gone) {
		t.Fatal(err)
	}
	s.fetch(bill.BillInquiry, bill.Background, 2)
	s.fetch(bill.BillInquiry, bill.Interactive, 3)
	if got := s.states(); got != "available 4, available 1" {
		t.Errorf("jobs: %s", got)
	}
	s.start(queue.Options{AtATime: 1})
	s.eventually("both are served", func() bool { return s.work.times() == 2 })
	if diff := cmp.Diff([]string{"bill-inquiry 3", "bill-inquiry 2"}, s.work.served); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// One endpoint's questions do not wait for another's.
func TestAnEndpointDoesNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.work.serve = func(ctx context.Context, try int) (time.Duration, error) {
		if try == 1 {
			<-ctx.Done()
		}
		return 0, ctx.Err()
	}
	s.fetch(bill.BillInquiry, bill.Interactive, 1)
	s.start(queue.Options{AtATime: 1, SoftStop: 100 * time.Millisecond})
	s.eventually("a bill is asked for", func() bool { return s.work.times() == 1 })
	s.fetch(bill.BillInquiry, bill.Interactive, 2)
	s.fetch(bill.ProductInquiry, bill.Interactive, 3)
	s.eventually("a customer is asked for", func() bool { return s.states() == "running 1, available 1, completed 1" })
}

// A stop interrupts who waits for his turn and leaves it to another replica, at
// once.
func TestAStopHandsOver(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.work.serve = func(ctx context.Context, try int) (time.Duration, error) {
		if try == 1 {
			<-ctx.Done()
		}
		return 0, ctx.Err()
	}
	s.fetch(bill.BillInquiry, bill.Interactive, 1)
	stop := s.start(queue.Options{SoftStop: 100 * time.Millisecond})
	s.eventually("it is served", func() bool { return s.work.times() == 1 })
	stop()
	if got := s.states(); got != "available 1" {
		t.Errorf("after the stop the job is %s", got)
	}
	s.start(queue.Options{})
	s.eventually("the other one is done with it", func() bool { return s.states() == "completed 1" })
}

// What nobody sees to is put back, and what is hopeless given up: each, also if
// one of them cannot be. The night's share is of the whole limit.
func TestUpkeepAndNightly(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	for _, id := range []int64{11, unwilling, 17} {
		s.work.hopeless = append(s.work.hopeless, bill.Turn{FetchID: id})
	}
	s.start(queue.Options{Limit: 4 * time.Minute, PerMinute: 97})
	s.eventually("both have run", func() bool {
		s.work.mu.Lock()
		defer s.work.mu.Unlock()
		return len(s.work.gaveUp) >= 2 && len(s.work.nights) > 0
	})
	s.work.mu.Lock()
	defer s.work.mu.Unlock()
	if diff := cmp.Diff([]int64{11, 17}, s.work.gaveUp[:2]); diff != "" || s.work.limit != 4*time.Minute {
		t.Errorf("given up after %s (-want +got):\n%s", s.work.limit, diff)
	}
	if s.work.kind != queue.KindFetch || s.work.nights[0] != "97 every 1m0s" {
		t.Errorf("put back: %s, at night: %v", s.work.kind, s.work.nights)
	}
}

// A job that nothing can be done for does no harm.
func TestPoisonedJobs(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	for _, args := range []string{`{"fetchId": "nonsense"}`, `[]`} {
		for _, kind := range []string{queue.KindFetch, "unheard_of"} {
			_, err := s.pool.Exec(t.Context(), `INSERT INTO river_job (args, kind, max_attempts, queue, priority)
				VALUES ($1, $2, 1, $3, 1)`, args, kind, string(bill.BillInquiry))
			must(t, err)
		}
	}
	s.fetch(bill.BillInquiry, bill.Interactive, 5)
	s.start(queue.Options{AtATime: 1})
	s.eventually("the good one is done", func() bool { return s.states() == "discarded 1, discarded 1, completed 1" })
}
