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

// Quiet returns a logger for River that passes warnings and errors, each message
// once every repeatAfter: while the database is away River repeats them for each
// queue, several times a second.
func Quiet(log *slog.Logger) *slog.Logger {
	return slog.New(warnings{log.Handler(), &repeats{last: map[string]logged{}}})
}

// repeatAfter is how long a message is not repeated.
const repeatAfter = 10 * time.Second

type warnings struct {
	slog.Handler
	repeats *repeats
}

// Enabled lets warnings and errors pass.
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

// WithAttrs keeps quiet.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs), w.repeats}
}

// WithGroup keeps quiet.
func (w warnings) WithGroup(name string) slog.Handler {
	return warnings{w.Handler.WithGroup(name), w.repeats}
}

// repeats knows which messages were logged lately. River's are constant texts.
type repeats struct {
	mu   sync.Mutex
	last map[string]logged
}

type logged struct {
	at      time.Time
	dropped int // since then
}

// pass reports whether record is logged, and how many of its message were not.
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

// Faults tells of jobs that failed. They will be tried again.
func Faults(log *slog.Logger) river.ErrorHandler { return &faults{log} }

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
