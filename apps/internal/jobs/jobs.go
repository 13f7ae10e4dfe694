// Package jobs runs River, the job queue in PostgreSQL: its migrations, start,
// stop and log. The jobs themselves belong to the services.
package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// UnfinishedStates returns the states of a job that is not finished.
func UnfinishedStates() []rivertype.JobState {
	return []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
		rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}
}

// MaxAttempts is practically unlimited, for jobs that decide themselves when to
// give up. Crashes and database outages count as attempts.
const MaxAttempts = 30_000

// Periodic returns a job that one of the replicas runs at every interval, and also
// when a replica starts.
func Periodic(every time.Duration, args river.JobArgs) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(every),
		func() (river.JobArgs, *river.InsertOpts) { return args, nil },
		&river.PeriodicJobOpts{RunOnStart: true})
}

// Migrate migrates River's tables to the version of this program's River. An
// advisory lock serializes concurrent runs.
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
		// If this fails, closing the connection releases the lock.
		_, unlockErr := conn.Exec(ctx, "SELECT pg_advisory_unlock(hashtext('migrate queue'))")
		if err == nil {
			err = unlockErr
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("migrate queue: %w", err)
	}
	return nil
}

// Version identifies River's schema, for tests that cache one.
const Version = "river v0.51.1"
