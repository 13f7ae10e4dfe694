package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Jobs puts work into the queue that outlives this process, within a
// transaction of ours. See queue.Jobs.
type Jobs interface {
	// Process has a change processed soon.
	Process(ctx context.Context, tx pgx.Tx, requestID string) error
	// Announce has a completed change announced at a time, or soon if it is
	// past.
	Announce(ctx context.Context, tx pgx.Tx, requestID string, at time.Time) error
}

// Book implements change.Book.
type Book struct {
	pool *pgxpool.Pool
	jobs Jobs
}

var _ change.Book = (*Book)(nil)

// NewBook returns the book in pool's database.
func NewBook(pool *pgxpool.Pool, jobs Jobs) *Book { return &Book{pool: pool, jobs: jobs} }

const takeKey = `
INSERT INTO idempotency_key (user_id, key, request_id, body, created_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING`

const takeLine = `
INSERT INTO running_change (line_number, request_id, requested_at, due_at)
VALUES ($1, $2, $3, $3)
ON CONFLICT (line_number) DO NOTHING`

const writeDown = `
INSERT INTO change_request (request_id, requested_at, user_id, customer_id, line_number,
    current_code, current_name, target_code, target_name, target_product, effective_on)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, '')::date)`

// Accept implements change.Book: in one transaction, or not at all.
func (b *Book) Accept(ctx context.Context, c change.Change, key change.Key) error {
	err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		if key.Text != "" {
			tag, err := tx.Exec(ctx, takeKey, c.UserID, key.Text, c.RequestID, key.Body, c.RequestedAt)
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 0 {
				return change.ErrKeyTaken
			}
		}
		tag, err := tx.Exec(ctx, takeLine, c.Line.Digits(), c.RequestID, c.RequestedAt)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return change.ErrInProgress
		}
		if _, err := tx.Exec(ctx, writeDown, c.RequestID, c.RequestedAt, c.UserID, c.CustomerID, c.Line.Digits(),
			c.CurrentCode, c.CurrentName, c.Target.Code, c.Target.Name, c.Target, string(c.Effective)); err != nil {
			return err
		}
		return b.jobs.Process(ctx, tx, c.RequestID)
	})
	if err != nil {
		return fault("accept change", err)
	}
	return nil
}

const recall = `
SELECT request_id::text, body
FROM idempotency_key
WHERE user_id = $1 AND key = $2`

// Recall implements change.Book.
func (b *Book) Recall(ctx context.Context, userID, key string) (requestID string, body []byte, err error) {
	err = b.pool.QueryRow(ctx, recall, userID, key).Scan(&requestID, &body)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil, change.ErrNoChange
	}
	if err != nil {
		return "", nil, fault("recall key", err)
	}
	return requestID, body, nil
}

const isBusy = `
SELECT EXISTS (
    SELECT FROM running_change JOIN change_request USING (request_id, requested_at)
    WHERE running_change.line_number = $1 AND customer_id = $2
)`

// Busy implements change.Book.
func (b *Book) Busy(ctx context.Context, s product.Subscription) (busy bool, err error) {
	if err := b.pool.QueryRow(ctx, isBusy, s.Line.Digits(), s.Customer).Scan(&busy); err != nil {
		return false, fault("find running change", err)
	}
	return busy, nil
}

const forgetKeys = `
DELETE FROM idempotency_key
WHERE (user_id, key) IN (SELECT user_id, key FROM idempotency_key WHERE created_at < $1 LIMIT 10000)`

// ForgetKeys deletes keys that were used before a time, a bounded number of
// them.
func (b *Book) ForgetKeys(ctx context.Context, before time.Time) error {
	if _, err := b.pool.Exec(ctx, forgetKeys, before); err != nil {
		return fmt.Errorf("forget keys: %w", err)
	}
	return nil
}
