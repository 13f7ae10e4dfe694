package queue

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

// retry is how soon a job is tried again after a fault of ours: the database
// was away, most likely. It is short enough for River to wait for it itself.
const retry = 3 * time.Second

// Processor brings changes to KOS. See change.Processor.
type Processor interface {
	Process(ctx context.Context, requestID string) (rest time.Duration, err error)
}

type processWorker struct {
	river.WorkerDefaults[processArgs]
	processor Processor
}

// Work has a change processed, and puts the job back for as long as it rests.
func (w *processWorker) Work(ctx context.Context, job *river.Job[processArgs]) error {
	rest, err := w.processor.Process(ctx, job.Args.RequestID)
	if err != nil {
		return err
	}
	if rest > 0 {
		return river.JobSnooze(rest)
	}
	return nil
}

// NextRetry is soon.
func (*processWorker) NextRetry(*river.Job[processArgs]) time.Time { return time.Now().Add(retry) }

// Announcer tells other services what has happened.
type Announcer interface {
	// Announce tells that a line has a new plan. Telling it again does no harm.
	Announce(ctx context.Context, c change.Change) error
}

// Completed finds completed changes. See postgres.Queue.
type Completed interface {
	Completed(ctx context.Context, requestID string) (change.Change, error)
}

type announceWorker struct {
	river.WorkerDefaults[announceArgs]
	completed Completed
	announcer Announcer
}

// Work announces a change until the broker has taken it.
func (w *announceWorker) Work(ctx context.Context, job *river.Job[announceArgs]) error {
	c, err := w.completed.Completed(ctx, job.Args.RequestID)
	if errors.Is(err, change.ErrNoChange) {
		return river.JobCancel(err) // over age by now: there is nothing to tell
	}
	if err != nil {
		return err
	}
	return w.announcer.Announce(ctx, c)
}

// NextRetry is soon.
func (*announceWorker) NextRetry(*river.Job[announceArgs]) time.Time { return time.Now().Add(retry) }

// Stalled finds changes that nobody processes and puts them back to work. See
// postgres.Queue.
type Stalled interface {
	Requeue(ctx context.Context, kind string, before time.Time) (int, error)
}

type requeueWorker struct {
	river.WorkerDefaults[requeueArgs]
	stalled Stalled
	log     *slog.Logger
	now     func() time.Time
}

// Work puts stalled changes back. That there are any is a fault to look into.
func (w *requeueWorker) Work(ctx context.Context, _ *river.Job[requeueArgs]) error {
	found, err := w.stalled.Requeue(ctx, KindProcess, w.now().Add(-stalledAfter))
	if err == nil && found > 0 {
		w.log.WarnContext(ctx, "stalled changes put back", "changes", found)
	}
	return err
}

// NextRetry is soon.
func (*requeueWorker) NextRetry(*river.Job[requeueArgs]) time.Time { return time.Now().Add(retry) }

// Keys forgets idempotency keys. See postgres.Book.
type Keys interface {
	ForgetKeys(ctx context.Context, before time.Time) error
}

type forgetKeysWorker struct {
	river.WorkerDefaults[forgetKeysArgs]
	keys Keys
	now  func() time.Time
}

// keysKept is how long a client may repeat its request.
const keysKept = 7 * 24 * time.Hour

// Work deletes keys that are over age.
func (w *forgetKeysWorker) Work(ctx context.Context, _ *river.Job[forgetKeysArgs]) error {
	return w.keys.ForgetKeys(ctx, w.now().Add(-keysKept))
}
