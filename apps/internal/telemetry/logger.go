// Package telemetry provides what a service tells about itself: one
// structured log, one metrics registry, one tracer.
package telemetry

import (
	"encoding/json"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

const (
	// maxLine bounds a line. The Dapr CLI reads an app's output by lines of at
	// most 64 KiB and stops reading, which blocks the app, at a longer one.
	maxLine = 60 << 10
	// maxAttr bounds one attribute's text, so that one long text leaves the
	// rest of its record readable.
	maxAttr = 4 << 10
)

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

// NewLogger returns a logger that writes JSON lines for service to w. Long texts
// are cut at 4 KiB; of a record that is still longer than 60 KiB only the
// beginning is told. A line number that got into a text, such as the one of a
// foreign error, is masked: those who log are to do so before.
func NewLogger(w io.Writer, service string, level slog.Level) *slog.Logger {
	handler := slog.NewJSONHandler(lineWriter{w}, &slog.HandlerOptions{Level: level, ReplaceAttr: tidy})
	return slog.New(handler).With("service", service)
}

// tidy cuts attributes that are too long for a line and masks line numbers.
func tidy(_ []string, attr slog.Attr) slog.Attr {
	switch attr.Value.Kind() {
	case slog.KindString:
		attr.Value = slog.StringValue(mask(cut(attr.Value.String())))
	case slog.KindAny:
		if err, ok := attr.Value.Any().(error); ok {
			attr.Value = slog.StringValue(mask(cut(err.Error())))
		}
	default: // short by nature
	}
	return attr
}

// lineNumber is a mobile number, with or without dashes, that is not a part of a
// longer word such as an id.
var lineNumber = regexp.MustCompile(`\b(01[016-9])-?[0-9]{3,4}-?([0-9]{4})\b`)

// mask hides the middle of line numbers.
func mask(text string) string {
	if !strings.Contains(text, "01") { // nearly always, and far cheaper
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

// lineWriter replaces a line that is too long by one that tells its beginning.
// slog writes each record in one call.
type lineWriter struct{ w io.Writer }

func (l lineWriter) Write(line []byte) (int, error) {
	if len(line) <= maxLine {
		return l.w.Write(line)
	}
	short, err := json.Marshal(map[string]any{
		"level": slog.LevelError, "msg": "log record too long", "bytes": len(line), "begin": string(line[:maxAttr]),
	})
	if err != nil {
		return 0, err
	}
	if _, err := l.w.Write(append(short, '\n')); err != nil {
		return 0, err
	}
	return len(line), nil
}
