package telemetry

import (
	"context"
	"log/slog"
	"time"
)

const (
	measureEvery = 5 * time.Second
	measureLimit = 2 * time.Second
)

// Measure calls update every 5 s until ctx ends. Update sets gauges that need a query; its
// errors are logged with the name of what is measured, and it is called again.
func Measure(ctx context.Context, log *slog.Logger, what string, update func(context.Context) error) {
	ticker := time.NewTicker(measureEvery)
	defer ticker.Stop()
	for {
		if err := once(ctx, update); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "not measured", "what", what, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func once(ctx context.Context, update func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, measureLimit)
	defer cancel()
	return update(ctx)
}
