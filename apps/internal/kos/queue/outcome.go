package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
)

// Write is what a handler writes in the transaction that ends an item.
type Write func(ctx context.Context, tx pgx.Tx) error

// Outcome is what an attempt came to. The zero value is no outcome: handlers return
// what one of the functions below returns.
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
	// An attempt that a stop has interrupted, or whose outcome was not written.
	kindInterrupted kind = "interrupted"
	kindFailed      kind = "failed"
)

// Answered ends the item: KOS has answered. If the item was ended already, write is
// not called. A nil write writes nothing.
func Answered(write Write) Outcome { return Outcome{kind: kindAnswered, write: write} }

// GivenUp ends the item without an answer of KOS.
func GivenUp(write Write) Outcome { return Outcome{kind: kindGivenUp, write: write} }

// Unanswered sets the item aside: KOS was called and gave no answer, or none that
// can be used. Others pass: it may be the only one that KOS does not answer.
func Unanswered(cause error) Outcome { return Outcome{kind: kindUnanswered, cause: cause} }

// NotCalled returns the item to its place and has KOS left alone for a while, 0 for
// as long as usual: every call would fail like this one, which did not reach KOS.
func NotCalled(cause error, after time.Duration) Outcome {
	return Outcome{kind: kindNotCalled, cause: cause, after: after}
}

// Throttled returns the item to its place: KOS has refused the call for its rate,
// and the budget knows.
func Throttled(cause error) Outcome { return Outcome{kind: kindThrottled, cause: cause} }

// Postponed sets the item aside like Unanswered, and for a time at least, without that
// KOS could have acted on it.
func Postponed(cause error, atLeast time.Duration) Outcome {
	return Outcome{kind: kindPostponed, cause: cause, after: atLeast}
}

// Failed sets the item aside for a moment: a fault of this service prevented the
// outcome.
func Failed(cause error) Outcome { return Outcome{kind: kindFailed, cause: cause} }

// Then returns the outcome with a function that is called once the item has ended by
// it and that is committed.
func (o Outcome) Then(f func()) Outcome {
	o.then = f
	return o
}

// ends reports whether the outcome ends its item.
func (o Outcome) ends() bool { return o.kind == kindAnswered || o.kind == kindGivenUp }

const (
	// retry is the first pause of an item that KOS left unanswered, and how long
	// KOS is left alone when it could not be called. The pauses double up to
	// longestRetry.
	retry        = 3 * time.Second
	longestRetry = time.Minute
)

const deleteItem = `DELETE FROM kos_queue WHERE item_id = $1`

// Items that were set aside during an outage come back to their places when it is over:
// they have met the outage, most likely.
const endOutage = `
WITH ended AS (
    SELECT endpoint, since FROM kos_outage WHERE endpoint = $1 AND since IS NOT NULL FOR UPDATE
), over AS (
    UPDATE kos_outage SET since = NULL, until = clock_timestamp() FROM ended WHERE kos_outage.endpoint = ended.endpoint
)
UPDATE kos_queue q SET due_at = clock_timestamp()
FROM ended
WHERE q.endpoint = ended.endpoint AND q.due_at > clock_timestamp() AND q.failing_since > ended.since - interval '1 minute'`

// end deletes an item together with what its handler writes, and wakes those who
// wait for it. Of two attempts that end the same item the second writes nothing.
func (q *Queue) end(ctx context.Context, item *Item, o Outcome) error {
	ended := false
	err := pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) error {
		// An Enqueue of the same key waits for this row, and then finds it gone.
		tag, err := tx.Exec(ctx, deleteItem, item.id)
		ended = tag.RowsAffected() == 1
		if err != nil || !ended {
			return err
		}
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
	if ended && o.then != nil {
		o.then()
	}
	return nil
}

// A lease that has ended belongs to a later claim: it is left alone. An attempt that
// did not reach KOS leaves the doubt as it was before ($5, $6).
const releaseItem = `
UPDATE kos_queue
SET lease_until = NULL, due_at = clock_timestamp() + $3::interval,
    in_doubt = in_doubt AND ($4 OR $5), attempted_at = CASE WHEN $4 THEN attempted_at ELSE $6 END,
    unanswered = unanswered + $7::int,
    failing_since = CASE WHEN $7 > 0 THEN coalesce(failing_since, clock_timestamp()) ELSE failing_since END
WHERE item_id = $1 AND claims = $2`

// An outage is the one before if that has gone on until now.
const noteOutage = `
INSERT INTO kos_outage AS outage (endpoint, until, since)
VALUES ($1, clock_timestamp() + $2::interval, clock_timestamp())
ON CONFLICT (endpoint) DO UPDATE
SET until = greatest(outage.until, excluded.until),
    since = CASE WHEN ` + sustained + ` THEN outage.since ELSE excluded.since END`

// release returns an item to the queue. Those who wait for it are woken if it will take
// longer now.
func (q *Queue) release(ctx context.Context, item *Item, o Outcome) error {
	var (
		batch      pgx.Batch
		aside      time.Duration
		reached    bool // KOS, perhaps
		unanswered int
	)
	backoff := min(retry<<min(item.unanswered, 10), longestRetry)
	switch o.kind {
	case kindUnanswered:
		reached, unanswered, aside = true, 1, backoff
	case kindFailed:
		reached, aside = true, retry
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
