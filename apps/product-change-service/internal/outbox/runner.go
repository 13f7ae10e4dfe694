package outbox

import (
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/internal/pg"
)

const (
	// fetchEvents is how often River polls for events. Most new ones wake it by NOTIFY.
	fetchEvents = 200 * time.Millisecond
	keysEvery   = time.Hour
	// jobTimeout bounds an attempt.
	jobTimeout = 15 * time.Second
	// rescueAfter is when a running job is reclaimed as that of a dead process. It is
	// longer than jobTimeout.
	rescueAfter = 20 * time.Second
	// softStop is how long running jobs go on after a stop. Then they are interrupted,
	// and another replica may run them at once.
	softStop = 6 * time.Second
)

// Work has the dependencies of the jobs.
type Work struct {
	Completed Completed
	Announcer Announcer
	Keys      Keys
	Now       func() time.Time
}

// NewRunner returns a runner of the jobs in pool's database. See jobs.NewRunner.
func NewRunner(pool *pgxpool.Pool, direct pg.Direct, work Work, log *slog.Logger, tracer trace.Tracer) (*jobs.Runner, error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &announceWorker{completed: work.Completed, announcer: work.Announcer})
	river.AddWorker(workers, &deleteKeysWorker{keys: work.Keys, now: work.Now})
	return jobs.NewRunner(pool, direct, &river.Config{
		Workers: workers,
		Queues: map[string]river.QueueConfig{
			events:   {MaxWorkers: 4, FetchPollInterval: fetchEvents},
			periodic: {MaxWorkers: 1},
		},
		PeriodicJobs:                []*river.PeriodicJob{jobs.Periodic(keysEvery, deleteKeysArgs{})},
		JobTimeout:                  jobTimeout,
		RescueStuckJobsAfter:        rescueAfter,
		SoftStopTimeout:             softStop,
		CompletedJobRetentionPeriod: time.Hour, // the history is in our own tables
	}, log, tracer)
}
