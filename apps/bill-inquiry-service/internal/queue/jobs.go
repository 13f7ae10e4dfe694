// Package queue has work done that must outlive the process that wants it done.
// A job is a row in River's tables, put there in the transaction that makes the
// work necessary.
package queue

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/jobs"
)

// KindFetch is the kind of the jobs that have KOS asked.
const KindFetch = "fetch"

// upkeep is River's queue of what looks after the others. Those are named like
// KOS's endpoints: what waits for one does not wait for another.
const upkeep = "upkeep"

// fetchArgs see to it that KOS is asked a question.
type fetchArgs struct {
	FetchID  int64         `json:"fetchId"`
	Endpoint bill.Endpoint `json:"endpoint"`
}

// Kind names the job in River's tables.
func (fetchArgs) Kind() string { return KindFetch }

// upkeepArgs look for questions that nobody sees to or that are hopeless.
type upkeepArgs struct{}

// Kind names the job in River's tables.
func (upkeepArgs) Kind() string { return "upkeep" }

// InsertOpts makes the job unique.
func (upkeepArgs) InsertOpts() river.InsertOpts { return once(upkeep) }

// nightlyArgs have bills refreshed, if it is night.
type nightlyArgs struct{}

// Kind names the job in River's tables.
func (nightlyArgs) Kind() string { return "nightly" }

// InsertOpts makes the job unique.
func (nightlyArgs) InsertOpts() river.InsertOpts { return once(upkeep) }

func once(queue string) river.InsertOpts {
	return river.InsertOpts{
		Queue: queue, MaxAttempts: jobs.MaxAttempts,
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: jobs.Live()},
	}
}

// River's priorities: background jobs are looked at when no other is due.
const (
	first = 1
	last  = 4
)

// Jobs implements postgres.Jobs.
type Jobs struct{ client *river.Client[pgx.Tx] }

var _ postgres.Jobs = (*Jobs)(nil)

// NewJobs returns what puts jobs into pool's database. It works none itself.
func NewJobs(pool *pgxpool.Pool, log *slog.Logger) (*Jobs, error) {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: log})
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	return &Jobs{client: client}, nil
}

// Fetch implements postgres.Jobs.
func (j *Jobs) Fetch(ctx context.Context, tx pgx.Tx, endpoint bill.Endpoint, class bill.Class, fetchID int64) error {
	priority := first
	if class == bill.Background {
		priority = last
	}
	_, err := j.client.InsertTx(ctx, tx, fetchArgs{FetchID: fetchID, Endpoint: endpoint}, &river.InsertOpts{
		Queue: string(endpoint), Priority: priority, MaxAttempts: jobs.MaxAttempts,
	})
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}
