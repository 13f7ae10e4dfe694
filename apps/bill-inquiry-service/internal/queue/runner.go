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

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/internal/pg"
)

// Options say how jobs are worked. The zero value of a field means its default.
type Options struct {
	// AtATime is how many jobs of an endpoint a replica works at a time; default
	// 16. Most of them wait for their turn.
	AtATime int
	// Limit is how long KOS may leave a question without an answer; default 10
	// min.
	Limit time.Duration
	// PerMinute is KOS's limit, of which the nightly refresh gets its share.
	PerMinute int
	// JobTimeout bounds an attempt: it is longer than a job stays awake, and one
	// call of KOS. Default 20 s.
	JobTimeout time.Duration
	// RescueAfter is when a job that still runs has in truth died with its
	// process. It must not be shorter than JobTimeout. Default 25 s.
	RescueAfter time.Duration
	// SoftStop is how long a stop leaves running jobs alone. After that they are
	// interrupted and free for another replica at once. Default 3 s.
	SoftStop time.Duration
}

func (o Options) withDefaults() Options {
	o.AtATime = cmp.Or(o.AtATime, 16)
	o.Limit = cmp.Or(o.Limit, 10*time.Minute)
	o.JobTimeout = cmp.Or(o.JobTimeout, 20*time.Second)
	o.RescueAfter = cmp.Or(o.RescueAfter, 25*time.Second)
	o.SoftStop = cmp.Or(o.SoftStop, 3*time.Second)
	return o
}

const (
	// How often jobs are looked for whose time has come: jobs near their turn stay
	// awake by themselves, and new ones are told of at
	// once.
	fetchPoll    = 500 * time.Millisecond
	upkeepEvery  = 30 * time.Second
	nightlyEvery = time.Minute
)

// Runner works jobs.
type Runner struct {
	client *river.Client[pgx.Tx]
	log    *slog.Logger
}

// Work is what jobs do.
type Work struct {
	Fetcher Fetcher
	Line    Line
	Nightly Nightly
}

// NewRunner returns a runner of the jobs in pool's database. Through direct it
// hears of new ones.
func NewRunner(pool *pgxpool.Pool, direct pg.Direct, work Work, opts Options, log *slog.Logger) (*Runner, error) {
	opts = opts.withDefaults()
	workers := river.NewWorkers()
	river.AddWorker(workers, &fetchWorker{fetcher: work.Fetcher})
	river.AddWorker(workers, &upkeepWorker{line: work.Line, fetcher: work.Fetcher, limit: opts.Limit, log: log})
	river.AddWorker(workers, &nightlyWorker{nightly: work.Nightly, perMinute: opts.PerMinute})
	client, err := river.NewClient(jobs.Driver(pool, direct), &river.Config{
		Logger:       jobs.Quiet(log),
		ErrorHandler: jobs.Faults(log),
		Workers:      workers,
		Queues: map[string]river.QueueConfig{
			string(bill.BillInquiry):    {MaxWorkers: opts.AtATime, FetchPollInterval: fetchPoll},
			string(bill.ProductInquiry): {MaxWorkers: opts.AtATime, FetchPollInterval: fetchPoll},
			upkeep:                      {MaxWorkers: 1},
		},
		PeriodicJobs:                []*river.PeriodicJob{jobs.Periodic(upkeepEvery, upkeepArgs{}), jobs.Periodic(nightlyEvery, nightlyArgs{})},
		JobTimeout:                  opts.JobTimeout,
		RescueStuckJobsAfter:        opts.RescueAfter,
		SoftStopTimeout:             opts.SoftStop,
		CompletedJobRetentionPeriod: 10 * time.Minute, // the history is in our own tables
	})
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	return &Runner{client: client, log: log}, nil
}

// Run works jobs until ctx ends, and then finishes or hands over what it has
// begun. It waits for a database that is away or not migrated yet.
func (r *Runner) Run(ctx context.Context) { jobs.Run(ctx, r.client, r.log) }
