// Package outbox publishes events that were enqueued in transactions, until the broker
// takes them, and runs periodic work. Its jobs are rows of River.
package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
)

// River's queues. Jobs of one queue do not wait for those of another.
const (
	events   = "events"
	periodic = "periodic"
)

// uniqueLive returns options that allow one live job with the same arguments.
func uniqueLive(queue string) river.InsertOpts {
	return river.InsertOpts{
		Queue: queue, MaxAttempts: jobs.MaxAttempts,
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: jobs.UnfinishedStates()},
	}
}

// announceArgs is the job that publishes the event of a completed change.
type announceArgs struct {
	RequestID string `json:"requestId"`
}

// Kind names the job in River's tables.
func (announceArgs) Kind() string { return "announce_change" }

// InsertOpts makes the job unique.
func (announceArgs) InsertOpts() river.InsertOpts { return uniqueLive(events) }

// deleteKeysArgs is the job that deletes expired idempotency keys.
type deleteKeysArgs struct{}

// Kind names the job in River's tables.
func (deleteKeysArgs) Kind() string { return "forget_keys" }

// InsertOpts makes the job unique in its queue.
func (deleteKeysArgs) InsertOpts() river.InsertOpts {
	opts := uniqueLive(periodic)
	opts.UniqueOpts.ByQueue = true
	return opts
}

// Jobs implements postgres.Outbox.
type Jobs struct {
	client *river.Client[pgx.Tx]
	now    func() time.Time
}

var _ postgres.Outbox = (*Jobs)(nil)

// NewJobs returns Jobs that enqueue in pool's database. They run none themselves.
func NewJobs(pool *pgxpool.Pool, log *slog.Logger, tracer trace.Tracer, now func() time.Time) (*Jobs, error) {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: log, Middleware: jobs.Traced(tracer)})
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	return &Jobs{client: client, now: now}, nil
}

// Announce implements postgres.Outbox. A job that is due now is not scheduled: River polls
// for scheduled jobs every few seconds only.
func (j *Jobs) Announce(ctx context.Context, tx pgx.Tx, requestID string, at time.Time) error {
	var opts *river.InsertOpts
	if at.After(j.now()) {
		opts = &river.InsertOpts{ScheduledAt: at}
	}
	if _, err := j.client.InsertTx(ctx, tx, announceArgs{requestID}, opts); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return nil
}
