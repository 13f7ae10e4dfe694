// Package queue has work done that must outlive the process that wants it done.
// A job is a row in River's tables, put there in the transaction that makes the
// work necessary, and carries no more than a request's id.
package queue

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
)

// KindProcess is the kind of the jobs that bring changes to KOS.
const KindProcess = "process_change"

// River's queues: what is in one does not wait for what is in another.
const (
	changes = "changes"
	events  = "events"
	upkeep  = "upkeep"
)

// once makes a job the only live one for the same thing.
func once(queue string) river.InsertOpts {
	return river.InsertOpts{
		Queue: queue, MaxAttempts: jobs.MaxAttempts,
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: jobs.Live()},
	}
}

// processArgs brings a change to KOS.
type processArgs struct {
	RequestID string `json:"requestId"`
}

// Kind names the job in River's tables.
func (processArgs) Kind() string { return KindProcess }

// InsertOpts makes the job unique.
func (processArgs) InsertOpts() river.InsertOpts { return once(changes) }

// announceArgs tells other services of a completed change.
type announceArgs struct {
	RequestID string `json:"requestId"`
}

// Kind names the job in River's tables.
func (announceArgs) Kind() string { return "announce_change" }

// InsertOpts makes the job unique.
func (announceArgs) InsertOpts() river.InsertOpts { return once(events) }

// requeueArgs looks for changes that nobody processes.
type requeueArgs struct{}

// Kind names the job in River's tables.
func (requeueArgs) Kind() string { return "requeue_stalled" }

// InsertOpts makes the job unique.
func (requeueArgs) InsertOpts() river.InsertOpts { return once(upkeep) }

// forgetKeysArgs deletes idempotency keys that are over age.
type forgetKeysArgs struct{}

// Kind names the job in River's tables.
func (forgetKeysArgs) Kind() string { return "forget_keys" }

// InsertOpts makes the job unique.
func (forgetKeysArgs) InsertOpts() river.InsertOpts { return once(upkeep) }

// Jobs implements postgres.Jobs.
type Jobs struct {
	client *river.Client[pgx.Tx]
	now    func() time.Time
}

var _ postgres.Jobs = (*Jobs)(nil)

// NewJobs returns what puts jobs into pool's database. It works none itself.
func NewJobs(pool *pgxpool.Pool, log *slog.Logger, now func() time.Time) (*Jobs, error) {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: log})
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	return &Jobs{client: client, now: now}, nil
}

// Process implements postgres.Jobs.
func (j *Jobs) Process(ctx context.Context, tx pgx.Tx, requestID string) error {
	return j.insert(ctx, tx, processArgs{requestID}, nil)
}

// Announce implements postgres.Jobs. A time that is not in the future is left
// out: River looks after times only every few seconds.
func (j *Jobs) Announce(ctx context.Context, tx pgx.Tx, requestID string, at time.Time) error {
	if at.After(j.now()) {
		return j.insert(ctx, tx, announceArgs{requestID}, &river.InsertOpts{ScheduledAt: at})
	}
	return j.insert(ctx, tx, announceArgs{requestID}, nil)
}

func (j *Jobs) insert(ctx context.Context, tx pgx.Tx, args river.JobArgs, opts *river.InsertOpts) error {
	if _, err := j.client.InsertTx(ctx, tx, args, opts); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}
