package jobs

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Logger returns a logger for River that logs only warnings and errors, and each message at most once
// in 10 s. During a database outage River logs several times a second for each queue. The attributes
// are in the group "river", as River chooses their names.
func Logger(log *slog.Logger) *slog.Logger {
	return slog.New(telemetry.Sample(warnings{log.Handler()}, 1)).WithGroup("river")
}

type warnings struct{ slog.Handler }

// Enabled implements slog.Handler: false below WARN.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }

// faults logs failed jobs and lets River retry them.
type faults struct{ log *slog.Logger }

// HandleError implements river.ErrorHandler.
func (f *faults) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	f.log.WarnContext(ctx, "job failed", "kind", job.Kind, "attempt", job.Attempt, "error", err)
	return nil
}

// HandlePanic implements river.ErrorHandler.
func (f *faults) HandlePanic(ctx context.Context, job *rivertype.JobRow, panicked any, trace string) *river.ErrorHandlerResult {
	f.log.ErrorContext(ctx, "job panicked", "kind", job.Kind, "attempt", job.Attempt,
		"panic", fmt.Sprint(panicked), "trace", trace)
	return nil
}
