package audit

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
)

// buffer is how many events wait while the database is unavailable: a few MB.
const buffer = 10_000

// Writer writes events in group commits, outside of the transactions they record.
type Writer = groupcommit.Writer[Event]

// NewWriter returns a writer to the trail in pool's database.
func NewWriter(pool *pgxpool.Pool, log *slog.Logger, metrics *groupcommit.Metrics) *Writer {
	return groupcommit.New(groupcommit.Options[Event]{
		Name:   Table.Table,
		Buffer: buffer,
		// An undefined table means that the database is not migrated yet.
		Transient: func(err error) bool { return pgerr.Unavailable(err) || pgerr.IsUndefinedTable(err) },
		Flush: func(ctx context.Context, events []Event) error {
			batch := &pgx.Batch{} // one transaction
			for _, event := range events {
				batch.Queue(insert, event.args()...)
			}
			if err := pool.SendBatch(ctx, batch).Close(); err != nil {
				return fmt.Errorf("write audit trail: %w", err)
			}
			return nil
		},
	}, log, metrics)
}
