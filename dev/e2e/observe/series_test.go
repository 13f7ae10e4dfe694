package observe

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/observe"
)

// TestSeriesDoNotGrowWithCustomers compares the samples of each app and sidecar when many visits were
// made with those when as many others were.
func TestSeriesDoNotGrowWithCustomers(t *testing.T) {
	startCustomers(t)
	before := samplesAfterVisits(t)
	after := samplesAfterVisits(t)
	t.Log(after)
	for target, n := range after {
		// An answer that was not given before has series of its own.
		if limit := before[target] * 1.05; n > limit {
			t.Errorf("%s: %.0f samples, then %.0f", target, before[target], n)
		}
	}
}

// samplesAfterVisits waits for further visits, each of another customer or month, and returns the
// number of samples of each target in the first scrape after them.
func samplesAfterVisits(t *testing.T) map[string]float64 {
	t.Helper()
	const further, targets = 100, 10 // five apps and their sidecars
	ctx, cancel := context.WithTimeout(t.Context(), settle)
	defer cancel()
	wanted := visited.Load() + further
	if err := proc.Poll(ctx, func() bool { return visited.Load() >= wanted }); err != nil {
		t.Fatalf("%d visits of %d: %v", visited.Load(), wanted, err)
	}
	var samples map[string]float64
	made := time.Now()
	err := proc.Poll(ctx, func() bool {
		found, err := observe.Range(ctx, fmt.Sprintf("scrape_samples_scraped and timestamp(scrape_samples_scraped) > %d", made.Unix()), time.Now(), time.Now())
		samples = map[string]float64{}
		for _, one := range found {
			text, _ := one.Values[len(one.Values)-1][1].(string)
			value, _ := strconv.ParseFloat(text, 64)
			samples[one.Metric["app"]+"/"+one.Metric["container"]] = value
		}
		return err == nil && len(samples) == targets
	})
	if err != nil {
		t.Fatalf("scraped: %v: %v", samples, err)
	}
	return samples
}
