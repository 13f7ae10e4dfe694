package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/kos/queue"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Outbox enqueues events in a transaction of this package. See outbox.Jobs.
type Outbox interface {
	// Announce enqueues the event of a completed change, due at a time.
	Announce(ctx context.Context, tx pgx.Tx, requestID string, at time.Time) error
}

// Endpoint is the endpoint of KOS that changes are queued for.
const Endpoint = "product-change"

// Changes implements change.Acceptance and change.Attempts. The line is the deduplication
// key of a queue item, so a line has one change in progress at most.
type Changes struct {
	pool   *pgxpool.Pool
	queue  *queue.Queue
	outbox Outbox
}

var (
	_ change.Acceptance = (*Changes)(nil)
	_ change.Attempts   = (*Changes)(nil)
)

// NewChanges returns the changes in pool's database.
func NewChanges(pool *pgxpool.Pool, q *queue.Queue, outbox Outbox) *Changes {
	return &Changes{pool: pool, queue: q, outbox: outbox}
}

// payload is the payload of a queue item. Items of the release before have no customer.
type payload struct {
	RequestID  string `json:"requestId"`
	CustomerID string `json:"customerId,omitempty"`
}

const insertKey = `
INSERT INTO idempotency_key (user_id, key, request_id, body, created_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING`

const isCurrent = `SELECT coalesce((SELECT changes FROM known_subscriber WHERE line_number = $1), 0) = $2`

const insertChange = `
INSERT INTO change_request (request_id, requested_at, user_id, customer_id, line_number,
    current_code, current_name, target_code, target_name, target_product, effective_on)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, '')::date)`

// Accept implements change.Acceptance.
func (s *Changes) Accept(ctx context.Context, c change.Change, key change.Key, checked product.Version) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if key.Text != "" {
			tag, err := tx.Exec(ctx, insertKey, c.UserID, key.Text, c.RequestID, key.Body, c.RequestedAt)
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 0 {
				return change.ErrKeyTaken
			}
		}
		ticket, err := s.queue.Enqueue(ctx, tx, queue.Request{
			Endpoint: Endpoint, Key: c.Line.Digits(), OrderingKey: c.Line.Digits(),
			Payload: payload{RequestID: c.RequestID, CustomerID: c.CustomerID},
		})
		if err != nil {
			return err
		}
		if !ticket.Added {
			return change.ErrInProgress
		}
		var current bool // read after the enqueue, which waits for the end of an earlier change
		if err := tx.QueryRow(ctx, isCurrent, c.Line.Digits(), checked.Changes).Scan(&current); err != nil {
			return err
		}
		if !current {
			return change.ErrInProgress
		}
		_, err = tx.Exec(ctx, insertChange, c.RequestID, c.RequestedAt, c.UserID, c.CustomerID, c.Line.Digits(),
			c.CurrentCode, c.CurrentName, c.Target.Code, c.Target.Name, c.Target, string(c.Effective))
		return err
	})
	if err != nil {
		return fault("accept change", err)
	}
	return nil
}

const findKey = `
SELECT request_id::text, body
FROM idempotency_key
WHERE user_id = $1 AND key = $2`

// FindKey implements change.Acceptance.
func (s *Changes) FindKey(ctx context.Context, userID, key string) (requestID string, body []byte, err error) {
	err = s.pool.QueryRow(ctx, findKey, userID, key).Scan(&requestID, &body)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil, change.ErrNoChange
	}
	if err != nil {
		return "", nil, fault("find idempotency key", err)
	}
	return requestID, body, nil
}

const isInProgress = `
SELECT EXISTS (
    SELECT FROM kos_queue
    WHERE endpoint = '` + Endpoint + `' AND dedup_key = $1 AND coalesce(payload->>'customerId', $2) = $2
)`

// InProgress implements change.Acceptance.
func (s *Changes) InProgress(ctx context.Context, sub product.Subscription) (found bool, err error) {
	if err := s.pool.QueryRow(ctx, isInProgress, sub.Line.Digits(), sub.Customer).Scan(&found); err != nil {
		return false, fault("find change in progress", err)
	}
	return found, nil
}

// Await implements change.Acceptance.
func (s *Changes) Await(line msisdn.Number) (ended <-chan struct{}, stop func()) {
	return s.queue.Await(Endpoint, line.Digits())
}

const deleteKeys = `
DELETE FROM idempotency_key
WHERE (user_id, key) IN (SELECT user_id, key FROM idempotency_key WHERE created_at < $1 LIMIT 10000)`

// DeleteKeys deletes idempotency keys that were first used before a time, up to 10,000 a
// call.
func (s *Changes) DeleteKeys(ctx context.Context, before time.Time) error {
	if _, err := s.pool.Exec(ctx, deleteKeys, before); err != nil {
		return fmt.Errorf("delete idempotency keys: %w", err)
	}
	return nil
}
