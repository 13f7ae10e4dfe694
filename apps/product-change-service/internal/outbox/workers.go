package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

// retry is how soon a job is tried again that failed: the database or the broker was
// away, most likely. It is short enough for River to wait for it in memory.
const retry = 3 * time.Second

// Announcer publishes events.
type Announcer interface {
	// Announce publishes that a line has a new plan. Repeating it does no harm.
	Announce(ctx context.Context, c change.Change) error
}

// Completed finds completed changes. See postgres.Changes.
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
		return river.JobCancel(err) // its partition was dropped
	}
	if err != nil {
		return err
	}
	return w.announcer.Announce(ctx, c)
}

// NextRetry is soon.
func (*announceWorker) NextRetry(*river.Job[announceArgs]) time.Time { return time.Now().Add(retry) }

// Keys forgets idempotency keys. See postgres.Changes.
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
