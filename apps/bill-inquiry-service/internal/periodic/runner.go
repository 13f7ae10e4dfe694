package periodic

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/internal/pg"
)

const (
	nightlyEvery = time.Minute
	// retry is the pause before a failed job is retried. A job mostly fails because the
	// database is down. The pause is short enough for River to wait in memory.
	retry = 3 * time.Second
	// jobTimeout bounds an attempt.
	jobTimeout = 20 * time.Second
	// rescueAfter is the age after which a running job counts as lost with its process.
	// It is longer than jobTimeout.
	rescueAfter = 25 * time.Second
	// softStop is how long running jobs may take after a stop.
	softStop = 3 * time.Second
	// retention is how long finished jobs are stored.
	retention = 10 * time.Minute
)

// Nightly refreshes bills. See bill.Prefetcher.
type Nightly interface {
	Nightly(ctx context.Context, perMinute int, every time.Duration) error
}

// Work is what the periodic jobs do.
type Work struct {
	Nightly Nightly
	// PerMinute is the rate limit of KOS, of which the nightly refresh uses a share.
	PerMinute int
}

type nightlyWorker struct {
	river.WorkerDefaults[nightlyArgs]
	work Work
}

// Work enqueues the refreshes that are due.
func (w *nightlyWorker) Work(ctx context.Context, _ *river.Job[nightlyArgs]) error {
	return w.work.Nightly.Nightly(ctx, w.work.PerMinute, nightlyEvery)
}

// NextRetry returns the time after the pause retry.
func (*nightlyWorker) NextRetry(*river.Job[nightlyArgs]) time.Time { return time.Now().Add(retry) }

// NewRunner returns a runner of the jobs in pool's database. See jobs.NewRunner.
func NewRunner(pool *pgxpool.Pool, direct pg.Direct, work Work, log *slog.Logger, tracer trace.Tracer) (*jobs.Runner, error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &nightlyWorker{work: work})
	return jobs.NewRunner(pool, direct, &river.Config{
		Workers:                     workers,
		Queues:                      map[string]river.QueueConfig{queue: {MaxWorkers: 1}},
		PeriodicJobs:                []*river.PeriodicJob{jobs.Periodic(nightlyEvery, nightlyArgs{})},
		JobTimeout:                  jobTimeout,
		RescueStuckJobsAfter:        rescueAfter,
		SoftStopTimeout:             softStop,
		CompletedJobRetentionPeriod: retention,
	}, log, tracer)
}
