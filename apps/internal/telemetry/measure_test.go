package telemetry_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

func TestMeasureContinuesAfterFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 13*time.Second)
		defer stop()
		var log strings.Builder
		calls := 0
		telemetry.Measure(ctx, slog.New(slog.NewTextHandler(&log, nil)), "queue", func(ctx context.Context) error {
			calls++
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != 2*time.Second {
				t.Errorf("call %d has the deadline %v", calls, deadline)
			}
			if calls == 2 {
				return errors.New("database does not answer")
			}
			return nil
		})
		if calls != 3 || strings.Count(log.String(), "what=queue") != 1 {
			t.Errorf("%d calls, log %s", calls, log.String())
		}
	})
}
