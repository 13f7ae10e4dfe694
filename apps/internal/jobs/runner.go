package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/pg"
)

// Runner runs the jobs of a service.
type Runner struct {
	client *river.Client[pgx.Tx]
	log    *slog.Logger
}

// NewRunner returns a runner of the jobs in pool's database, which listens on direct. It
// sets the log, the error handler and the middleware of cfg.
func NewRunner(pool *pgxpool.Pool, direct pg.Direct, cfg *river.Config, log *slog.Logger, tracer trace.Tracer) (*Runner, error) {
	cfg.Logger, cfg.ErrorHandler, cfg.Middleware = Logger(log), &faults{log}, Traced(tracer)
	client, err := river.NewClient(driver{riverpgxv5.New(pool), riverpgxv5.New(direct.Pool)}, cfg)
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return &Runner{client: client, log: cfg.Logger}, nil
}

// startPause is the time between attempts to start.
const startPause = time.Second

// Run runs jobs until ctx ends and then waits until the running ones have stopped. While
// the database is unavailable or not migrated, it retries the start.
func (r *Runner) Run(ctx context.Context) {
	for {
		err := r.client.Start(ctx)
		if err == nil {
			<-r.client.Stopped()
			return
		}
		if ctx.Err() != nil {
			return
		}
		r.log.WarnContext(ctx, "river start failed", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(startPause):
		}
	}
}

// driver listens on direct, because a pooler in transaction mode does not deliver
// notifications.
type driver struct {
	*riverpgxv5.Driver
	direct *riverpgxv5.Driver
}

// GetListener implements riverdriver.Driver.
func (d driver) GetListener(params *riverdriver.GetListenenerParams) riverdriver.Listener {
	return d.direct.GetListener(params)
}
