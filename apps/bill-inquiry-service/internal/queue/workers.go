package queue

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
)

// retry is how soon a job is tried again after a fault of ours: the database
// was away, most likely. It is short enough for River to wait for it itself.
const retry = 3 * time.Second

// Fetcher has KOS asked what waits. See bill.Fetcher.
type Fetcher interface {
	Serve(ctx context.Context, endpoint bill.Endpoint, fetchID int64) (sleep time.Duration, err error)
	GiveUp(ctx context.Context, turn bill.Turn) error
}

type fetchWorker struct {
	river.WorkerDefaults[fetchArgs]
	fetcher Fetcher
}

// Work moves the line until its question has left it.
func (w *fetchWorker) Work(ctx context.Context, job *river.Job[fetchArgs]) error {
	sleep, err := w.fetcher.Serve(ctx, job.Args.Endpoint, job.Args.FetchID)
	if err != nil {
		return err
	}
	if sleep > 0 {
		return river.JobSnooze(sleep)
	}
	return nil
}

// NextRetry is soon.
func (*fetchWorker) NextRetry(*river.Job[fetchArgs]) time.Time { return time.Now().Add(retry) }

// Line is looked after. See postgres.Queue.
type Line interface {
	Requeue(ctx context.Context, kind string) (int, error)
	Hopeless(ctx context.Context, limit time.Duration) ([]bill.Turn, error)
}

type upkeepWorker struct {
	river.WorkerDefaults[upkeepArgs]
	line    Line
	fetcher Fetcher
	limit   time.Duration
	log     *slog.Logger
}

// Work puts questions back to work that nobody sees to, which is a fault to look
// into, and ends those that KOS has not taken for too long.
func (w *upkeepWorker) Work(ctx context.Context, _ *river.Job[upkeepArgs]) error {
	found, err := w.line.Requeue(ctx, KindFetch)
	if err == nil && found > 0 {
		w.log.WarnContext(ctx, "questions without a job put back", "questions", found)
	}
	hopeless, notFound := w.line.Hopeless(ctx, w.limit)
	faults := []error{err, notFound}
	for _, turn := range hopeless {
		faults = append(faults, w.fetcher.GiveUp(ctx, turn))
	}
	return errors.Join(faults...)
}

// NextRetry is soon.
func (*upkeepWorker) NextRetry(*river.Job[upkeepArgs]) time.Time { return time.Now().Add(retry) }

// Nightly has bills refreshed. See bill.Prefetcher.
type Nightly interface {
	Nightly(ctx context.Context, perMinute int, every time.Duration) error
}

type nightlyWorker struct {
	river.WorkerDefaults[nightlyArgs]
	nightly   Nightly
	perMinute int
}

// Work has as many refreshed as are due.
func (w *nightlyWorker) Work(ctx context.Context, _ *river.Job[nightlyArgs]) error {
	return w.nightly.Nightly(ctx, w.perMinute, nightlyEvery)
}

// NextRetry is soon.
func (*nightlyWorker) NextRetry(*river.Job[nightlyArgs]) time.Time { return time.Now().Add(retry) }
