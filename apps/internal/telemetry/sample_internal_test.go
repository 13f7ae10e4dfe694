package telemetry

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
)

// TestKindsAreBounded although a library puts addresses in its messages.
func TestKindsAreBounded(t *testing.T) {
	t.Parallel()
	const records = 5 * maxKinds
	var out bytes.Buffer
	handler := Sample(slog.NewJSONHandler(&out, nil), 1)
	log := slog.New(handler)
	for n := range records {
		log.Info(fmt.Sprint("error from ", n))
	}
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != records {
		t.Errorf("%d records, want %d", n, records)
	}
	if s, ok := handler.(sampler); !ok || len(s.kinds.counts) > maxKinds {
		t.Errorf("%T counts more than %d kinds", handler, maxKinds)
	}
}
