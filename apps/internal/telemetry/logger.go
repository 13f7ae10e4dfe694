// Package telemetry provides what a service tells about itself: one
// structured log, one metrics registry, one tracer.
package telemetry

import (
	"io"
	"log/slog"
)

// maxAttr bounds one attribute's text. The Dapr CLI reads an app's output by
// lines of at most 64 KiB and stops reading, which blocks the app, at a longer
// one.
const maxAttr = 4 << 10

// Config says how much a service tells, and to whom.
type Config struct {
	// Level is DEBUG, INFO, WARN or ERROR.
	Level slog.Level `env:"LOG_LEVEL" envDefault:"INFO"`
	// OTLPEndpoint is the URL of an OpenTelemetry collector (gRPC). Empty: no
	// traces leave the process, but every request still has a trace id.
	OTLPEndpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
	// SampleRatio is the share of traces exported when the caller did not
	// decide, 0 to 1.
	SampleRatio float64 `env:"TRACE_SAMPLE_RATIO" envDefault:"0.1"`
}

// NewLogger returns a logger that writes JSON lines for service to w. No line
// is longer than a few KiB an attribute.
func NewLogger(w io.Writer, service string, level slog.Level) *slog.Logger {
	handler := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: shorten})
	return slog.New(handler).With("service", service)
}

// shorten cuts attributes that are too long for a line.
func shorten(_ []string, attr slog.Attr) slog.Attr {
	switch value := attr.Value.Any().(type) {
	case string:
		attr.Value = slog.StringValue(cut(value))
	case error:
		attr.Value = slog.StringValue(cut(value.Error()))
	}
	return attr
}

func cut(text string) string {
	if len(text) > maxAttr {
		return text[:maxAttr] + "…"
	}
	return text
}
