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
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
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
}

func (o Options) withDefaults() Options {
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
	startPause   = time.Second
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

// NewRunner returns a runner of the jobs in pool's database.
func NewRunner(pool *pgxpool.Pool, work Work, opts Options, log *slog.Logger, now func() time.Time) (*Runner, error) {
	opts = opts.withDefaults()
	workers := river.NewWorkers()
	river.AddWorker(workers, &processWorker{processor: work.Processor})
	river.AddWorker(workers, &announceWorker{completed: work.Completed, announcer: work.Announcer})
	river.AddWorker(workers, &requeueWorker{stalled: work.Stalled, log: log, now: now})
	river.AddWorker(workers, &forgetKeysWorker{keys: work.Keys, now: now})
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Logger:       quiet(log),
		ErrorHandler: &faults{log},
		Workers:      workers,
		Queues: map[string]river.QueueConfig{
			changes: {MaxWorkers: opts.AtATime, FetchPollInterval: fetchChanges},
			events:  {MaxWorkers: 4, FetchPollInterval: fetchEvents},
			upkeep:  {MaxWorkers: 1},
		},
		PeriodicJobs: []*river.PeriodicJob{
			periodic(requeueEvery, requeueArgs{}), periodic(keysEvery, forgetKeysArgs{}),
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

func periodic(every time.Duration, args river.JobArgs) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(every),
		func() (river.JobArgs, *river.InsertOpts) { return args, nil },
		&river.PeriodicJobOpts{RunOnStart: true})
}

// Run works jobs until ctx ends, and then finishes or hands over what it has
// begun. It waits for a database that is away or not migrated yet.
func (r *Runner) Run(ctx context.Context) {
	for {
		err := r.client.Start(ctx)
		if err == nil {
			<-r.client.Stopped()
			return
		}
		if ctx.Err() != nil {
			return
		}
		r.log.WarnContext(ctx, "queue waits for the database", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(startPause):
		}
	}
}

// Migrate brings River's own tables to the version that this program needs. Two
// runs at once wait for one another.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return fmt.Errorf("migrate queue: %w", err)
	}
	err = pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtext('migrate queue'))"); err != nil {
			return err
		}
		_, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		// Should this fail, the lock ends with its connection, soon.
		_, unlocked := conn.Exec(ctx, "SELECT pg_advisory_unlock(hashtext('migrate queue'))")
		if err == nil {
			err = unlocked
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("migrate queue: %w", err)
	}
	return nil
}

// Version tells River's schemas apart, for tests that keep one.
const Version = "river v0.51.1"
