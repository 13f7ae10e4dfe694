package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Logger returns a logger for River that logs only warnings and errors, and each
// message at most once per repeatAfter. During a database outage River logs several
// times a second for each queue.
func Logger(log *slog.Logger) *slog.Logger {
	return slog.New(warnings{log.Handler(), &repeats{last: map[string]logged{}}})
}

// repeatAfter is the minimum time between records with the same message.
const repeatAfter = 10 * time.Second

type warnings struct {
	slog.Handler
	repeats *repeats
}

// Enabled implements slog.Handler: false below WARN.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (w warnings) Handle(ctx context.Context, record slog.Record) error {
	pass, dropped := w.repeats.pass(record)
	if !pass {
		return nil
	}
	if dropped > 0 {
		record = record.Clone()
		record.AddAttrs(slog.Int("not_repeated", dropped))
	}
	return w.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs), w.repeats}
}

// WithGroup implements slog.Handler.
func (w warnings) WithGroup(name string) slog.Handler {
	return warnings{w.Handler.WithGroup(name), w.repeats}
}

// repeats holds the messages logged so far. River's messages are constants.
type repeats struct {
	mu   sync.Mutex
	last map[string]logged
}

type logged struct {
	at      time.Time
	dropped int // records since at
}

// pass reports whether to log record, and how many records with its message were
// dropped before it.
func (r *repeats) pass(record slog.Record) (pass bool, dropped int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, known := r.last[record.Message]
	if known && record.Time.Sub(last.at) < repeatAfter {
		r.last[record.Message] = logged{last.at, last.dropped + 1}
		return false, 0
	}
	r.last[record.Message] = logged{at: record.Time}
	return true, last.dropped
}

// ErrorHandler returns an error handler that logs failed jobs and lets River retry them.
func ErrorHandler(log *slog.Logger) river.ErrorHandler { return &faults{log} }

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
