// Package jobs is what services need around River, which has work done that must
// outlive the process that wants it done: its migrations, its start and stop,
// its log. What the jobs are belongs to the services.
package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// Live are the states of a job that will still do its work.
func Live() []rivertype.JobState {
	return []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
		rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}
}

// MaxAttempts is as good as for ever, for jobs that know themselves when to give
// up. A crash counts as an attempt, and so does a database that was away.
const MaxAttempts = 30_000

// Periodic has a job done every so often by one of the replicas, and at once
// when one of them starts.
func Periodic(every time.Duration, args river.JobArgs) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(every),
		func() (river.JobArgs, *river.InsertOpts) { return args, nil },
		&river.PeriodicJobOpts{RunOnStart: true})
}

// startPause is how soon a start that failed is tried again.
const startPause = time.Second

// Run works client's jobs until ctx ends, and then finishes or hands over what it
// has begun. It waits for a database that is away or not migrated yet.
func Run(ctx context.Context, client *river.Client[pgx.Tx], log *slog.Logger) {
	log = Quiet(log)
	for {
		err := client.Start(ctx)
		if err == nil {
			<-client.Stopped()
			return
		}
		if ctx.Err() != nil {
			return
		}
		log.WarnContext(ctx, "queue waits for the database", "error", err)
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
