package periodic

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/internal/pg"
)

const (
	nightlyEvery = time.Minute
	// retry is how soon a job is tried again that failed: the database was away, most
	// likely. It is short enough for River to wait for it in memory.
	retry = 3 * time.Second
	// jobTimeout bounds an attempt.
	jobTimeout = 20 * time.Second
	// rescueAfter is when a job that still runs is taken to have died with its process:
	// after jobTimeout.
	rescueAfter = 25 * time.Second
	// softStop is how long a stop lets running jobs go on.
	softStop = 3 * time.Second
	// retention is how long finished jobs are kept.
	retention = 10 * time.Minute
)

// Nightly refreshes bills. See bill.Prefetcher.
type Nightly interface {
	Nightly(ctx context.Context, perMinute int, every time.Duration) error
}

type nightlyWorker struct {
	river.WorkerDefaults[nightlyArgs]
	nightly   Nightly
	perMinute int
}

// Work refreshes as many bills as are due.
func (w *nightlyWorker) Work(ctx context.Context, _ *river.Job[nightlyArgs]) error {
	return w.nightly.Nightly(ctx, w.perMinute, nightlyEvery)
}

// NextRetry is soon.
func (*nightlyWorker) NextRetry(*river.Job[nightlyArgs]) time.Time { return time.Now().Add(retry) }

// Runner works jobs.
type Runner struct {
	client *river.Client[pgx.Tx]
	log    *slog.Logger
}

// NewRunner returns a runner of the jobs in pool's database, which listens on direct.
// The nightly refresh gets a share of KOS's limit, perMinute.
func NewRunner(pool *pgxpool.Pool, direct pg.Direct, nightly Nightly, perMinute int, log *slog.Logger) (*Runner, error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &nightlyWorker{nightly: nightly, perMinute: perMinute})
	client, err := river.NewClient(jobs.Driver(pool, direct), &river.Config{
		Logger:                      jobs.Quiet(log),
		ErrorHandler:                jobs.Faults(log),
		Workers:                     workers,
		Queues:                      map[string]river.QueueConfig{upkeep: {MaxWorkers: 1}},
		PeriodicJobs:                []*river.PeriodicJob{jobs.Periodic(nightlyEvery, nightlyArgs{})},
		JobTimeout:                  jobTimeout,
		RescueStuckJobsAfter:        rescueAfter,
		SoftStopTimeout:             softStop,
		CompletedJobRetentionPeriod: retention,
	})
	if err != nil {
		return nil, fmt.Errorf("periodic jobs: %w", err)
	}
	return &Runner{client: client, log: log}, nil
}

// Run works jobs until ctx ends, and then finishes or hands over what it has
// begun. It waits for a database that is away or not migrated yet.
func (r *Runner) Run(ctx context.Context) { jobs.Run(ctx, r.client, r.log) }
