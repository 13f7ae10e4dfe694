package sidecar_test

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // otter logs reloads that fail
	goleak.VerifyTestMain(m)
}
