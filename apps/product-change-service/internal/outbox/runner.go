package queue

import (
	"cmp"
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

// Options say how jobs are worked. The zero value of a field means its default.
type Options struct {
	// AtATime is how many changes are processed at a time; default 8.
	AtATime int
	// JobTimeout bounds an attempt: it is longer than one call of KOS with all
	// that resiliency/ makes of it, and the database around it. Default 15 s.
	JobTimeout time.Duration
	// RescueAfter is when a job that still runs has in truth died with its
	// process. It must not be shorter than JobTimeout. River looks every 30 s:
	// with the default of 20 s a job is back at work within a minute.
	RescueAfter time.Duration
	// SoftStop is how long a stop leaves running jobs alone. After that they are
	// interrupted and free for another replica at once. Default 6 s.
	SoftStop time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.AtATime = cmp.Or(o.AtATime, 8)
	o.JobTimeout = cmp.Or(o.JobTimeout, 15*time.Second)
	o.RescueAfter = cmp.Or(o.RescueAfter, 20*time.Second)
	o.SoftStop = cmp.Or(o.SoftStop, 6*time.Second)
	return o
}

const (
	// How often jobs are looked for whose time has come. New ones are told of at
	// once, most of the time.
	fetchChanges = 100 * time.Millisecond
	fetchEvents  = 200 * time.Millisecond
	// stalledAfter is how long after its time a change must not have been
	// looked after to be put back to work.
	stalledAfter = 45 * time.Second
	requeueEvery = 30 * time.Second
	keysEvery    = time.Hour
)

// Work is what jobs do.
type Work struct {
	Processor Processor
	Completed Completed
	Announcer Announcer
	Stalled   Stalled
	Keys      Keys
}

// Runner works jobs.
type Runner struct {
	client *river.Client[pgx.Tx]
	log    *slog.Logger
}

// NewRunner returns a runner of the jobs in pool's database. Through direct it
// hears of new ones.
func NewRunner(pool *pgxpool.Pool, direct pg.Direct, work Work, opts Options, log *slog.Logger) (*Runner, error) {
	opts = opts.withDefaults()
	workers := river.NewWorkers()
	river.AddWorker(workers, &processWorker{processor: work.Processor})
	river.AddWorker(workers, &announceWorker{completed: work.Completed, announcer: work.Announcer})
	river.AddWorker(workers, &requeueWorker{stalled: work.Stalled, log: log, now: opts.Now})
	river.AddWorker(workers, &forgetKeysWorker{keys: work.Keys, now: opts.Now})
	client, err := river.NewClient(jobs.Driver(pool, direct), &river.Config{
		Logger:       jobs.Quiet(log),
		ErrorHandler: jobs.Faults(log),
		Workers:      workers,
		Queues: map[string]river.QueueConfig{
			changes: {MaxWorkers: opts.AtATime, FetchPollInterval: fetchChanges},
			events:  {MaxWorkers: 4, FetchPollInterval: fetchEvents},
			upkeep:  {MaxWorkers: 1},
		},
		PeriodicJobs: []*river.PeriodicJob{
			jobs.Periodic(requeueEvery, requeueArgs{}), jobs.Periodic(keysEvery, forgetKeysArgs{}),
		},
		JobTimeout:                  opts.JobTimeout,
		RescueStuckJobsAfter:        opts.RescueAfter,
		SoftStopTimeout:             opts.SoftStop,
		CompletedJobRetentionPeriod: time.Hour, // the history is in our own tables
	})
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	return &Runner{client: client, log: log}, nil
}

// Run works jobs until ctx ends, and then finishes or hands over what it has
// begun. It waits for a database that is away or not migrated yet.
func (r *Runner) Run(ctx context.Context) { jobs.Run(ctx, r.client, r.log) }
