package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Write writes the result of a handler, in the transaction that ends the item.
type Write func(ctx context.Context, tx pgx.Tx) error

// Outcome is the result of an attempt. Handlers construct it with the functions below; the
// zero value is not valid.
type Outcome struct {
	kind  kind
	write Write
	then  func()
	after time.Duration
	cause error
}

type kind string

// The kinds, as metrics name them.
const (
	kindAnswered   kind = "answered"
	kindGivenUp    kind = "given_up"
	kindUnanswered kind = "unanswered"
	kindNotCalled  kind = "not_called"
	kindThrottled  kind = "throttled"
	kindPostponed  kind = "postponed"
	// A stop has interrupted the attempt.
	kindInterrupted kind = "interrupted"
	kindFailed      kind = "failed"
)

// Answered ends the item: KOS has answered. write is not called if the item was ended
// already; it may be nil.
func Answered(write Write) Outcome { return Outcome{kind: kindAnswered, write: write} }

// GivenUp ends the item without an answer of KOS. write is as in Answered.
func GivenUp(write Write) Outcome { return Outcome{kind: kindGivenUp, write: write} }

// Unanswered sets the item aside with backoff and leaves it in doubt: KOS was called and
// gave no answer, or one that violates the agreed format. Others pass: it may be the only
// item that KOS does not answer.
func Unanswered(cause error) Outcome { return Outcome{kind: kindUnanswered, cause: cause} }

// NotCalled returns the item to its place and records an outage of the endpoint for after,
// or for the default if after is 0: the call did not reach KOS, and others would not
// either.
func NotCalled(cause error, after time.Duration) Outcome {
	return Outcome{kind: kindNotCalled, cause: cause, after: after}
}

// Throttled returns the item to its place: KOS answered 429, which the budget has
// recorded.
func Throttled(cause error) Outcome { return Outcome{kind: kindThrottled, cause: cause} }

// Postponed sets the item aside with backoff, for at least a time. KOS cannot have acted on
// the attempt.
func Postponed(cause error, atLeast time.Duration) Outcome {
	return Outcome{kind: kindPostponed, cause: cause, after: atLeast}
}

// Failed sets the item aside like Unanswered: a fault of this service prevented an
// outcome. The item is in doubt. The backoff grows, so that an item that fails each time
// does not spend the budget of the others.
func Failed(cause error) Outcome { return Outcome{kind: kindFailed, cause: cause} }

// Then returns the outcome with a function that is called after the commit, if the outcome
// has ended the item.
func (o Outcome) Then(f func()) Outcome {
	o.then = f
	return o
}

// ends reports whether the outcome ends its item.
func (o Outcome) ends() bool { return o.kind == kindAnswered || o.kind == kindGivenUp }

const (
	// retry is the first backoff of an item, and the default length of an outage. Backoffs
	// double up to longestRetry.
	retry        = 3 * time.Second
	longestRetry = time.Minute
)

// The attempt is in the trace that the item had when it was claimed.
const deleteItem = `DELETE FROM kos_queue WHERE item_id = $1 RETURNING links || traceparent`

// Items that were set aside during an outage return to their places when it ends: the
// outage is the likely reason.
const endOutage = `
WITH ended AS (
    SELECT endpoint, since FROM kos_outage WHERE endpoint = $1 AND since IS NOT NULL FOR UPDATE
), over AS (
    UPDATE kos_outage SET since = NULL, until = clock_timestamp() FROM ended WHERE kos_outage.endpoint = ended.endpoint
)
UPDATE kos_queue q SET due_at = clock_timestamp()
FROM ended
WHERE q.endpoint = ended.endpoint AND q.due_at > clock_timestamp() AND q.failing_since > ended.since - interval '1 minute'`

// end deletes an item and runs its outcome's write, in one transaction, and wakes the
// waiters of the item. If two attempts end one item, the second writes nothing. The span of
// ctx is linked to the traces of all requests that the item has joined.
func (q *Queue) end(ctx context.Context, item *Item, o Outcome) error {
	var (
		ended bool
		links []string
	)
	err := pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) error {
		// An Enqueue of the same key waits for this row, and then finds it gone.
		err := tx.QueryRow(ctx, deleteItem, item.id).Scan(&links)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		ended = true
		if o.write != nil {
			if err := o.write(ctx, tx); err != nil {
				return err
			}
		}
		batch := &pgx.Batch{}
		if o.kind == kindAnswered {
			batch.Queue(endOutage, item.Endpoint)
		}
		batch.Queue(notify, channelChanged, signal(item.Endpoint, item.Key))
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return fmt.Errorf("end item: %w", err)
	}
	for _, link := range links {
		telemetry.Link(trace.SpanFromContext(ctx), link)
	}
	q.waiters.wake(signal(item.Endpoint, item.Key)) // of this process, without NOTIFY
	if ended && o.then != nil {
		o.then()
	}
	return nil
}

// An expired lease may belong to a later claim, which is not changed. An attempt that did
// not reach KOS restores in_doubt and attempted_at from before it ($5, $6).
const releaseItem = `
UPDATE kos_queue
SET lease_until = NULL, due_at = clock_timestamp() + $3::interval,
    in_doubt = in_doubt AND ($4 OR $5), attempted_at = CASE WHEN $4 THEN attempted_at ELSE $6 END,
    unanswered = unanswered + $7::int,
    failing_since = CASE WHEN $7 > 0 THEN coalesce(failing_since, clock_timestamp()) ELSE failing_since END
WHERE item_id = $1 AND claims = $2`

// A sustained outage keeps its beginning.
const noteOutage = `
INSERT INTO kos_outage AS outage (endpoint, until, since)
VALUES ($1, clock_timestamp() + $2::interval, clock_timestamp())
ON CONFLICT (endpoint) DO UPDATE
SET until = greatest(outage.until, excluded.until),
    since = CASE WHEN ` + sustained + ` THEN outage.since ELSE excluded.since END`

// release returns an item to the queue. It wakes the waiters of the item if the item has
// been set aside or the endpoint has an outage.
func (q *Queue) release(ctx context.Context, item *Item, o Outcome) error {
	var (
		batch      pgx.Batch
		aside      time.Duration
		reached    bool // the attempt may have reached KOS
		unanswered int
	)
	backoff := min(retry<<min(item.unanswered, 10), longestRetry)
	switch o.kind {
	case kindUnanswered, kindFailed:
		reached, unanswered, aside = true, 1, backoff
	case kindInterrupted:
		reached = true
	case kindPostponed:
		unanswered, aside = 1, max(backoff, o.after)
	case kindNotCalled:
		batch.Queue(noteOutage, item.Endpoint, min(max(o.after, retry), longestRetry))
	}
	batch.Queue(releaseItem, item.id, item.claim, aside, reached, item.InDoubt, zeronull.Timestamptz(item.AttemptedAt), unanswered)
	batch.Queue(notify, channelItems, item.Endpoint)
	if aside > 0 || o.kind == kindNotCalled {
		batch.Queue(notify, channelChanged, signal(item.Endpoint, item.Key))
	}
	if err := q.pool.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("release item: %w", err)
	}
	return nil
}
