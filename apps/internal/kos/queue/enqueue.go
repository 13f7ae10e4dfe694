package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// New item.
type Request struct {
	Endpoint string
	// Key deduplicates: an endpoint has one item of a key at most.
	Key string
	// OrderingKey is what takes turns with others, such as a phone line.
	OrderingKey string
	Class       Class
	// Payload is for the handler: a JSON object. When the key is queued already,
	// members that the queued payload lacks are added to it, and others stay.
	Payload any
}

// Ticket is the place of an item when it was enqueued.
type Ticket struct {
	// Added is false if the key was queued already, in the same class or a better
	// one.
	Added bool
	// Ahead is how many items come before it.
	Ahead int
}

// Items of one ordering key are enqueued one after the other, so that each sees the
// round of the one before.
const lockKey = `SELECT pg_advisory_xact_lock(hashtext('kos queue ' || $1))`

// A key's next item has its turn one round after the one before, and not before
// the round that is being served, or the newest round that an item has waited in
// for a minute.
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
INSERT INTO kos_queue AS held (endpoint, dedup_key, ordering_key, class, round, payload)
SELECT $1, $2, $3, $4, greatest(0, served.round, own.last + 1), $5
FROM served, own
WHERE $6 = 0 OR served.waiting < $6 OR EXISTS (SELECT FROM queued)
ON CONFLICT (endpoint, dedup_key) DO UPDATE
SET class    = least(held.class, excluded.class),
    round    = CASE WHEN excluded.class < held.class THEN excluded.round ELSE held.round END,
    position = CASE WHEN excluded.class < held.class THEN excluded.position ELSE held.position END,
    payload  = excluded.payload || held.payload
RETURNING item_id, coalesce((SELECT class FROM queued) > $4, true)`

const countAhead = `
SELECT count(*) FROM (
    SELECT FROM kos_queue other, kos_queue mine
    WHERE mine.item_id = $1 AND other.endpoint = mine.endpoint
      AND (other.class, other.round, other.position) < (mine.class, mine.round, mine.position)
      AND ` + otherReady + `
    LIMIT ` + deepest + `) AS ahead`

// Enqueue adds an item in a transaction of the caller's, or joins the item that
// has its key. When the transaction is committed, the dispatchers of all replicas
// are woken. It returns ErrFull.
func (q *Queue) Enqueue(ctx context.Context, tx pgx.Tx, r Request) (Ticket, error) {
	payload, err := json.Marshal(r.Payload)
	if err != nil {
		return Ticket{}, fmt.Errorf("enqueue: %w", err)
	}
	if _, err := tx.Exec(ctx, lockKey, r.OrderingKey); err != nil {
		return Ticket{}, fmt.Errorf("enqueue: %w", err)
	}
	var (
		id     int64
		ticket Ticket
	)
	capacity := q.endpoints[r.Endpoint].Capacity[r.Class]
	err = tx.QueryRow(ctx, insertItem, r.Endpoint, r.Key, r.OrderingKey, int(r.Class), payload, capacity).Scan(&id, &ticket.Added)
	if errors.Is(err, pgx.ErrNoRows) {
		return Ticket{}, ErrFull
	}
	if err != nil {
		return Ticket{}, fmt.Errorf("enqueue: %w", err)
	}
	batch := &pgx.Batch{}
	batch.Queue(countAhead, id).QueryRow(func(row pgx.Row) error { return row.Scan(&ticket.Ahead) })
	batch.Queue(notify, channelItems, r.Endpoint)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return Ticket{}, fmt.Errorf("enqueue: %w", err)
	}
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
