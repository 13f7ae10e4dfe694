package exchange

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
)

// Table creates the table of the log, partitioned by month. The migrations of a service must
// contain it. The line is masked: the table is for system operators.
const Table = `
CREATE TABLE kos_exchange (
    exchange_id uuid        NOT NULL,
    at          timestamptz NOT NULL,
    request_id  uuid        NOT NULL,
    endpoint    text        NOT NULL,
    line_masked text        NOT NULL,
    result_code text        NOT NULL,
    outcome     text        NOT NULL CHECK (outcome IN ('ANSWERED', 'BUSY', 'UNAVAILABLE')),
    took_ms     integer     NOT NULL,
    PRIMARY KEY (exchange_id, at)
) PARTITION BY RANGE (at);

CREATE INDEX kos_exchange_of_request ON kos_exchange (request_id);
CREATE TABLE kos_exchange_default PARTITION OF kos_exchange DEFAULT;`

const insert = `
INSERT INTO kos_exchange (exchange_id, at, request_id, endpoint, line_masked, result_code, outcome, took_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (exchange_id, at) DO NOTHING`

// Log is the processing history: every call of KOS, in the service's database.
type Log struct {
	*groupcommit.Writer[Exchange]
}

// NewLog returns the log in pool's database. It writes nothing before Start. It buffers
// records while the database is unavailable or not migrated yet.
func NewLog(pool *pgxpool.Pool, log *slog.Logger, metrics *groupcommit.Metrics) *Log {
	return &Log{groupcommit.New(groupcommit.Options[Exchange]{
		Name:      "kos_exchange",
		Transient: func(err error) bool { return pgerr.Unavailable(err) || pgerr.IsUndefinedTable(err) },
		Flush:     func(ctx context.Context, all []Exchange) error { return flush(ctx, pool, all) },
	}, log, metrics)}
}

// Append implements Appender.
func (l *Log) Append(ctx context.Context, e Exchange) { l.Writer.Append(ctx, e) }

// flush writes records in one transaction and one round trip.
func flush(ctx context.Context, pool *pgxpool.Pool, all []Exchange) error {
	batch := &pgx.Batch{}
	for _, e := range all {
		line := ""
		if e.Line != "" {
			line = e.Line.Masked()
		}
		batch.Queue(insert, e.ID, e.At, e.RequestID, e.Endpoint, line, e.ResultCode, e.Outcome, e.Took/time.Millisecond)
	}
	if err := pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write exchanges: %w", err)
	}
	return nil
}
