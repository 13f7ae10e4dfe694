package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

func TestRecordHasAnnotations(t *testing.T) {
	t.Parallel()
	var (
		out    bytes.Buffer
		record telemetry.Record
		group  sync.WaitGroup
	)
	ctx := telemetry.WithRecord(t.Context(), &record)
	const notes = 50
	for i := range notes {
		group.Go(func() { telemetry.Annotate(ctx, slog.Int(fmt.Sprintf("note%d", i), i)) })
	}
	group.Wait()
	record.Emit(ctx, telemetry.NewLogger(&out, "test", slog.LevelInfo, 0), slog.Int("status", 200))

	got := decode(t, &out)
	for i := range notes {
		if got[fmt.Sprintf("note%d", i)] != float64(i) {
			t.Errorf("note %d is %v", i, got[fmt.Sprintf("note%d", i)])
		}
	}
	if got["status"] != float64(200) || got["level"] != "INFO" || got["error"] != nil {
		t.Errorf("got %v", got)
	}
}

func TestFaultMakesAnErrorRecord(t *testing.T) {
	t.Parallel()
	var (
		out    bytes.Buffer
		record telemetry.Record
	)
	ctx := telemetry.WithRecord(t.Context(), &record)
	telemetry.RecordError(ctx, errors.New("disk full"))
	record.Emit(ctx, telemetry.NewLogger(&out, "test", slog.LevelInfo, 0))
	if got := decode(t, &out); got["level"] != "ERROR" || got["error"] != "disk full" {
		t.Errorf("got %v", got)
	}
}

func TestAnnotateOutsideOfRequestDoesNothing(t *testing.T) {
	t.Parallel()
	telemetry.Annotate(t.Context(), slog.String("a", "b"))
	telemetry.RecordError(t.Context(), errors.New("x"))
	if id := telemetry.TraceID(t.Context()); id != "" {
		t.Errorf("trace id %q", id)
	}
}

// decode returns the only record in out.
func decode(t *testing.T, out *bytes.Buffer) map[string]any {
	t.Helper()
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != 1 {
		t.Fatalf("%d records:\n%s", n, out)
	}
	var record map[string]any
	if err := json.Unmarshal(out.Bytes(), &record); err != nil {
		t.Fatal(err)
	}
	return record
}
