// Package outbox publishes events that a transaction has put into it, however long the
// broker is away, and does periodic work. A job is a row in River's tables.
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

	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
)

// River's queues: jobs of one do not wait for those of another.
const (
	events = "events"
	upkeep = "upkeep"
)

// once makes a job the only live one for the same thing.
func once(queue string) river.InsertOpts {
	return river.InsertOpts{
		Queue: queue, MaxAttempts: jobs.MaxAttempts,
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: jobs.Live()},
	}
}

// announceArgs publishes the event of a completed change.
type announceArgs struct {
	RequestID string `json:"requestId"`
}

// Kind names the job in River's tables.
func (announceArgs) Kind() string { return "announce_change" }

// InsertOpts makes the job unique.
func (announceArgs) InsertOpts() river.InsertOpts { return once(events) }

// forgetKeysArgs deletes idempotency keys that are over age.
type forgetKeysArgs struct{}

// Kind names the job in River's tables.
func (forgetKeysArgs) Kind() string { return "forget_keys" }

// InsertOpts makes the job unique.
func (forgetKeysArgs) InsertOpts() river.InsertOpts { return once(upkeep) }

// Jobs implements postgres.Outbox.
type Jobs struct {
	client *river.Client[pgx.Tx]
	now    func() time.Time
}

var _ postgres.Outbox = (*Jobs)(nil)

// NewJobs returns what puts jobs into pool's database. It works none itself.
func NewJobs(pool *pgxpool.Pool, log *slog.Logger, now func() time.Time) (*Jobs, error) {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: log})
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	return &Jobs{client: client, now: now}, nil
}

// Announce implements postgres.Outbox. A time that is not in the future is left out:
// River looks for scheduled jobs only every few seconds.
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
