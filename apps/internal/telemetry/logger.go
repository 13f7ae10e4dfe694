// Package telemetry provides the logger, metrics registry and tracer of a service.
package telemetry

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

const (
	// maxRecord is the maximum size of a log record in bytes. The Dapr CLI stops
	// reading an app's output, which blocks the app, at 64 KiB without a newline.
	maxRecord = 60 << 10
	// maxAttr is the maximum size of an attribute in bytes, so that one long text does
	// not hide the other attributes.
	maxAttr = 4 << 10
)

// Config configures logging, tracing and profiling.
type Config struct {
	// Level is DEBUG, INFO, WARN or ERROR.
	Level slog.Level `env:"LOG_LEVEL" envDefault:"INFO"`
	// Burst is the maximum number of log records of a kind in 10 s, 0 for no limit: see Sample.
	Burst uint `env:"LOG_BURST" envDefault:"100"`
	// OTLPEndpoint is the URL of an OpenTelemetry collector (gRPC). If empty, no
	// traces are exported, but every request has a trace id.
	OTLPEndpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
	// SampleRatio is the share of traces that are exported, 0 to 1, unless the caller
	// has decided: the sampler is parentbased_traceidratio.
	SampleRatio float64 `env:"OTEL_TRACES_SAMPLER_ARG" envDefault:"0.1"`
	// PprofAddr is the loopback address at which profiles are served; default none.
	PprofAddr string `env:"PPROF_ADDR"`
}

// NewLogger returns a logger that writes newline-delimited JSON for service to w, and at most burst
// records of a kind in 10 s: see Sample. It adds the trace id of the context to each record, and
// truncates texts to maxAttr and records to maxRecord. It masks line numbers in texts, such as those
// of foreign errors, as a safety net: callers must mask them too.
func NewLogger(w io.Writer, service string, level slog.Leveler, burst uint) *slog.Logger {
	handler := slog.NewJSONHandler(recordWriter{w}, &slog.HandlerOptions{Level: level, ReplaceAttr: sanitize})
	return slog.New(Sample(traced{handler}, burst)).With("service", service)
}

// traced adds the trace id of the context to records.
type traced struct{ slog.Handler }

// Handle implements slog.Handler.
func (t traced) Handle(ctx context.Context, record slog.Record) error {
	if id := TraceID(ctx); id != "" {
		record = record.Clone()
		record.AddAttrs(slog.String("trace_id", id))
	}
	return t.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (t traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{t.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (t traced) WithGroup(name string) slog.Handler { return traced{t.Handler.WithGroup(name)} }

// sanitize truncates attributes and masks line numbers.
func sanitize(_ []string, attr slog.Attr) slog.Attr {
	switch attr.Value.Kind() {
	case slog.KindString:
		attr.Value = slog.StringValue(mask(cut(attr.Value.String())))
	case slog.KindAny:
		if err, ok := attr.Value.Any().(error); ok {
			attr.Value = slog.StringValue(mask(cut(err.Error())))
		}
	default: // numbers, times and the like
	}
	return attr
}

// lineNumber matches a mobile number, with or without dashes, that is not part of a
// longer word such as an id.
var lineNumber = regexp.MustCompile(`\b(01[016-9])-?[0-9]{3,4}-?([0-9]{4})\b`)

// mask hides the middle of line numbers.
func mask(text string) string {
	if !strings.Contains(text, "01") { // the common case, far cheaper
		return text
	}
	return lineNumber.ReplaceAllString(text, "$1-****-$2")
}

func cut(text string) string {
	if len(text) > maxAttr {
		return text[:maxAttr] + "…"
	}
	return text
}

// recordWriter replaces a record that is too long by one with its beginning. slog
// writes each record in one call.
type recordWriter struct{ w io.Writer }

func (r recordWriter) Write(record []byte) (int, error) {
	if len(record) <= maxRecord {
		return r.w.Write(record)
	}
	short, err := json.Marshal(map[string]any{
		"level": slog.LevelError, "msg": "log record too long", "bytes": len(record), "begin": string(record[:maxAttr]),
	})
	if err != nil {
		return 0, err
	}
	if _, err := r.w.Write(append(short, '\n')); err != nil {
		return 0, err
	}
	return len(record), nil
}
