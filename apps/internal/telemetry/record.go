package telemetry

import (
	"context"
	"log/slog"
	"sync"
)

// Record collects the attributes of a request's log record. It is safe for
// concurrent use.
type Record struct {
	mu    sync.Mutex
	attrs []slog.Attr
	first [4]slog.Attr // the usual memory of attrs
	fault error
}

// RecordKey is the key of a *Record in a context. See WithRecord.
type RecordKey struct{}

// WithRecord returns a context that carries record.
func WithRecord(ctx context.Context, record *Record) context.Context {
	return context.WithValue(ctx, RecordKey{}, record)
}

// Annotate adds attributes to the log record of ctx's request. Outside of a request
// it does nothing.
func Annotate(ctx context.Context, attrs ...slog.Attr) {
	if record, ok := ctx.Value(RecordKey{}).(*Record); ok {
		record.mu.Lock()
		defer record.mu.Unlock()
		if record.attrs == nil {
			record.attrs = record.first[:0]
		}
		record.attrs = append(record.attrs, attrs...)
	}
}

// RecordError sets the level of the log record of ctx's request to error and adds err. It is for
// faults of the server.
func RecordError(ctx context.Context, err error) {
	if record, ok := ctx.Value(RecordKey{}).(*Record); ok {
		record.mu.Lock()
		defer record.mu.Unlock()
		record.fault = err
	}
}

// Emit writes the record to log with the given attributes and its own.
func (r *Record) Emit(ctx context.Context, log *slog.Logger, attrs ...slog.Attr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	level := slog.LevelInfo
	var memory [16]slog.Attr // enough for nearly all records
	attrs = append(append(memory[:0], attrs...), r.attrs...)
	if r.fault != nil {
		level = slog.LevelError
		attrs = append(attrs, slog.Any("error", r.fault))
	}
	log.LogAttrs(ctx, level, requestMessage, attrs...)
}
