package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

// retry is the pause before a failed job is retried. It is short enough for River to keep
// the job in memory.
const retry = 3 * time.Second

// Announcer publishes events.
type Announcer interface {
	// Announce publishes that a line has a new plan. It is idempotent.
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

// Work publishes the event of a change.
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

// NextRetry returns the time after the pause retry.
func (*announceWorker) NextRetry(*river.Job[announceArgs]) time.Time { return time.Now().Add(retry) }

// Keys deletes idempotency keys. See postgres.Changes.
type Keys interface {
	DeleteKeys(ctx context.Context, before time.Time) error
}

type deleteKeysWorker struct {
	river.WorkerDefaults[deleteKeysArgs]
	keys Keys
	now  func() time.Time
}

// keysKept is how long a client may repeat a request with its key.
const keysKept = 7 * 24 * time.Hour

// Work deletes expired keys.
func (w *deleteKeysWorker) Work(ctx context.Context, _ *river.Job[deleteKeysArgs]) error {
	return w.keys.DeleteKeys(ctx, w.now().Add(-keysKept))
}
