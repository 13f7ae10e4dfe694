package telemetry_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

func TestLoggerMasksLineNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Key (line_number)=(01012345678) already exists": "(010-****-5678)",
		"GET /products/customer/010-1234-5678":           "/010-****-5678",
		"0111234567":                                     "011-****-4567",
		"01a0b0c0-1234-7000-8000-010123456780":           "01a0b0c0-1234-7000-8000-010123456780", // an id
		"2026-01-01T01:01:01.010123456Z":                 "2026-01-01T01:01:01.010123456Z",
	} {
		t.Run(text, func(t *testing.T) {
			var log bytes.Buffer
			logger := telemetry.NewLogger(&log, "test", slog.LevelInfo, 0)
			logger.Info(text, "text", text, "error", errors.New(text), slog.Group("inner", "text", text))
			if got := strings.Count(log.String(), want); got != 4 {
				t.Errorf("%q: %d times in %s", want, got, log.String())
			}
		})
	}
}
