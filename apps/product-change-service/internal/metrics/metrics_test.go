package metrics_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/metrics"
)

func TestCounters(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	m := metrics.New(registry)
	m.Finished(change.Completed, change.OK, time.Second)
	m.Finished(change.Failed, "2004", time.Minute)
	m.Finished(change.Failed, "a code that KOS has made up", time.Minute)
	want := strings.NewReader(`
# HELP phonebill_changes_finished_total Plan changes that became final, by status and result code: that of KOS, EXPIRED (no answer for 24 hours) or other.
# TYPE phonebill_changes_finished_total counter
phonebill_changes_finished_total{code="0000",status="COMPLETED"} 1
phonebill_changes_finished_total{code="2004",status="FAILED"} 1
phonebill_changes_finished_total{code="EXPIRED",status="FAILED"} 0
phonebill_changes_finished_total{code="other",status="FAILED"} 1
`)
	if err := testutil.GatherAndCompare(registry, want, "phonebill_changes_finished_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry, "phonebill_change_duration_seconds"); n != 2 || err != nil {
		t.Errorf("durations of %d states, %v", n, err)
	}
}
