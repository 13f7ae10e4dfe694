package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// pipeLimit is the longest record that the Dapr CLI reads, in bytes.
const pipeLimit = 64 << 10

func TestLongRecordsAreTruncatedToValidJSON(t *testing.T) {
	t.Parallel()
	const size = 100 << 10
	tests := map[string]struct {
		message string
		attrs   []slog.Attr
	}{
		"text":              {"m", []slog.Attr{slog.String("a", strings.Repeat("x", size))}},
		"error":             {"m", []slog.Attr{slog.Any("error", errors.New(strings.Repeat("x", size)))}},
		"message":           {strings.Repeat("x", size), nil},
		"group":             {"m", []slog.Attr{slog.Group("g", slog.String("a", strings.Repeat("x", size)))}},
		"cut inside a rune": {"m", []slog.Attr{slog.String("a", "x"+strings.Repeat("가", size))}},
		"slice":             {"m", []slog.Attr{slog.Any("a", strings.Fields(strings.Repeat("x ", size)))}},
		"many attributes":   {"m", manyAttrs(40, strings.Repeat("x", size))},
		"escaped text":      {"m", manyAttrs(4, strings.Repeat("\x00", size))},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			telemetry.NewLogger(&out, "test", slog.LevelInfo, 0).LogAttrs(t.Context(), slog.LevelInfo, tc.message, tc.attrs...)
			if out.Len() >= pipeLimit || bytes.Count(out.Bytes(), []byte("\n")) != 1 {
				t.Errorf("%d bytes, %d records", out.Len(), bytes.Count(out.Bytes(), []byte("\n")))
			}
			if !json.Valid(out.Bytes()) {
				t.Errorf("not JSON: %.200s", out.Bytes())
			}
			if !strings.Contains(out.String(), "service") || !strings.Contains(out.String(), "test") {
				t.Errorf("no service: %.200s", out.Bytes())
			}
		})
	}
}

func manyAttrs(n int, text string) []slog.Attr {
	attrs := make([]slog.Attr, n)
	for i := range attrs {
		attrs[i] = slog.String(strings.Repeat("k", i+1), text)
	}
	return attrs
}

func TestLoggerHonoursItsLevel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := telemetry.NewLogger(&out, "test", slog.LevelWarn, 0)
	log.Info("quiet")
	log.Warn("loud")
	if text := out.String(); strings.Contains(text, "quiet") || !strings.Contains(text, "loud") {
		t.Errorf("got %s", text)
	}
}

func TestRecordsHaveTheTraceIDOfTheirContext(t *testing.T) {
	t.Parallel()
	const id = "0af7651916cd43dd8448eb211c80319c"
	ctx := telemetry.Extract(t.Context(), http.Header{"Traceparent": {"00-" + id + "-b7ad6b7169203331-01"}})
	var out bytes.Buffer
	log := telemetry.NewLogger(&out, "test", slog.LevelInfo, 0)
	log.WarnContext(ctx, "with", "a", 1, "b", 2, "c", 3, "d", 4, "e", 5, "f", 6)
	log.With("kind", "bill").WarnContext(ctx, "with too")
	log.WarnContext(t.Context(), "without")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, want := range []int{1, 1, 0} {
		if n := strings.Count(lines[i], `"trace_id":"`+id+`"`); n != want {
			t.Errorf("%d trace ids, want %d: %s", n, want, lines[i])
		}
	}
}
