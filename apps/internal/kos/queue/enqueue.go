package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Request describes an item to enqueue.
type Request struct {
	Endpoint string
	// Key is the deduplication key: an endpoint has at most one item of a key.
	Key string
	// OrderingKey is the key that takes turns with others, such as a phone line.
	OrderingKey string
	Class       Class
	// Payload is a JSON object for the handler. If the key is queued already, members
	// that the queued payload lacks are added to it; its others stay.
	Payload any
}

// Ticket is the result of Enqueue.
type Ticket struct {
	// Added is false if the key was queued already, in the same class or a better one.
	Added bool
	// Estimate is how long it will take until KOS has answered, if the budget is spent.
	Estimate time.Duration
	// Ahead is how many items come before the item.
	Ahead int
}

// Transactions that enqueue items of one ordering key wait for one another, so that each
// reads the round of the item before.
const lockKey = `SELECT pg_advisory_xact_lock(hashtext('kos queue ' || $1))`

// The round of a key's next item is one after that of the item before, and at least the
// first round in the queue. It is also at least the last round of items that have waited
// for a minute.
//
// An item belongs to the trace of its first request, or of the first that is sampled (which
// the last digits of a traceparent say). It keeps the other sampled ones as links.
const insertItem = `
WITH queued AS (
    SELECT class FROM kos_queue WHERE endpoint = $1 AND dedup_key = $2
), served AS (
    SELECT count(*) AS waiting,
           greatest(min(round), max(round) FILTER (WHERE enqueued_at < clock_timestamp() - interval '1 minute')) AS round
    FROM kos_queue WHERE endpoint = $1 AND class = $4
), own AS (
    SELECT max(round) AS last FROM kos_queue
    WHERE endpoint = $1 AND ordering_key = $3 AND class = $4 AND dedup_key <> $2
)
INSERT INTO kos_queue AS held (endpoint, dedup_key, ordering_key, class, round, payload, traceparent)
SELECT $1, $2, $3, $4, greatest(0, served.round, own.last + 1), $5, $7
FROM served, own
WHERE $6 = 0 OR served.waiting < $6 OR EXISTS (SELECT FROM queued)
ON CONFLICT (endpoint, dedup_key) DO UPDATE
SET class    = least(held.class, excluded.class),
    round    = CASE WHEN excluded.class < held.class THEN excluded.round ELSE held.round END,
    position = CASE WHEN excluded.class < held.class THEN excluded.position ELSE held.position END,
    payload  = excluded.payload || held.payload,
    traceparent = CASE WHEN held.traceparent NOT LIKE '%-01' AND excluded.traceparent LIKE '%-01'
                       THEN excluded.traceparent ELSE held.traceparent END,
    links       = CASE WHEN held.traceparent LIKE '%-01' AND excluded.traceparent LIKE '%-01' AND cardinality(held.links) < ` + maxLinks + `
                       THEN held.links || excluded.traceparent ELSE held.links END
RETURNING coalesce((SELECT class FROM queued) > $4, true)`

const countAhead = `
SELECT count(*) FROM (
    SELECT FROM kos_queue other, kos_queue mine
    WHERE mine.endpoint = $1 AND mine.dedup_key = $2 AND other.endpoint = $1
      AND (other.class, other.round, other.position) < (mine.class, mine.round, mine.position)
      AND ` + otherReady + `
    LIMIT ` + deepest + `) AS ahead`

// Enqueue adds an item in the caller's transaction, or joins the item of the same key. The
// commit wakes the dispatchers of all replicas. It returns ErrFull.
func (q *Queue) Enqueue(ctx context.Context, tx pgx.Tx, r Request) (Ticket, error) {
	payload, err := json.Marshal(r.Payload)
	if err != nil {
		return Ticket{}, fmt.Errorf("enqueue: %w", err)
	}
	ctx, span := telemetry.Start(ctx, "send "+r.Endpoint, trace.SpanKindProducer,
		describe(r.Endpoint, "send", semconv.MessagingOperationTypeSend, r.Class)...)
	defer span.End()
	var ticket Ticket
	e := q.endpoints[r.Endpoint]
	batch := &pgx.Batch{} // one round trip
	batch.Queue(lockKey, r.OrderingKey)
	batch.Queue(insertItem, r.Endpoint, r.Key, r.OrderingKey, int(r.Class), payload, e.Capacity[r.Class], telemetry.Traceparent(ctx)).
		QueryRow(func(row pgx.Row) error { return row.Scan(&ticket.Added) })
	batch.Queue(countAhead, r.Endpoint, r.Key).QueryRow(func(row pgx.Row) error { return row.Scan(&ticket.Ahead) })
	batch.Queue(notify, channelItems, r.Endpoint)
	err = tx.SendBatch(ctx, batch).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return Ticket{}, ErrFull
	}
	if err != nil {
		return Ticket{}, fmt.Errorf("enqueue: %w", err)
	}
	ticket.Estimate = time.Duration(ticket.Ahead+1)*e.Budget.Interval() + callTime
	return ticket, nil
}

const notify = `SELECT pg_notify($1, $2)`

const isQueued = `SELECT EXISTS (SELECT FROM kos_queue WHERE endpoint = $1 AND dedup_key = $2)`

// Contains reports whether an endpoint has an item of a key.
func (q *Queue) Contains(ctx context.Context, endpoint, key string) (queued bool, err error) {
	if err := q.pool.QueryRow(ctx, isQueued, endpoint, key).Scan(&queued); err != nil {
		return false, fmt.Errorf("kos queue: %w", err)
	}
	return queued, nil
}
