package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

const writeExchange = `
INSERT INTO kos_exchange (exchange_id, at, request_id, endpoint, line_masked, result_code, outcome, took_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (exchange_id, at) DO NOTHING`

// Exchanges writes the history of processing.
type Exchanges struct {
	writer *groupcommit.Writer[change.Exchange]
}

// NewExchanges returns the history of processing over writer.
func NewExchanges(writer *groupcommit.Writer[change.Exchange]) *Exchanges {
	return &Exchanges{writer: writer}
}

// AppendExchange hands over the record of an exchange.
func (e *Exchanges) AppendExchange(ctx context.Context, exchange change.Exchange) {
	e.writer.Append(ctx, exchange)
}

// NewExchangeWriter returns the writer of the history of processing.
func NewExchangeWriter(pool *pgxpool.Pool, log *slog.Logger, metrics *groupcommit.Metrics) *groupcommit.Writer[change.Exchange] {
	return groupcommit.New(groupcommit.Options[change.Exchange]{
		Name: "kos_exchange",
		// Rows are kept also while the database has not been migrated yet.
		Transient: func(err error) bool { return pgerr.Unavailable(err) || pgerr.IsUndefinedTable(err) },
		Flush: func(ctx context.Context, exchanges []change.Exchange) error {
			batch := &pgx.Batch{} // one transaction and one round trip
			for _, e := range exchanges {
				line := ""
				if e.Line != "" { // the catalogue concerns nobody's
					line = e.Line.Masked()
				}
				batch.Queue(writeExchange, e.ID, e.At, e.RequestID, e.Endpoint, line,
					e.ResultCode, e.Outcome, e.Took/time.Millisecond)
			}
			if err := pool.SendBatch(ctx, batch).Close(); err != nil {
				return fmt.Errorf("write history: %w", err)
			}
			return nil
		},
	}, log, metrics)
}
