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

// TestSeriesDoNotGrowWithCustomers compares the samples of each app and sidecar before and after many
// visits. While the system is young, answers that were not given before add series of their own; a
// label with the id of a customer, a line or a bill would add some in every round.
func TestSeriesDoNotGrowWithCustomers(t *testing.T) {
	startCustomers(t)
	const rounds = 6
	samples := samplesAfterVisits(t)
	for round := range rounds {
		before := samples
		samples = samplesAfterVisits(t)
		growing := growth(before, samples)
		if len(growing) == 0 {
			t.Log(samples)
			return
		}
		if round == rounds-1 {
			t.Errorf("still growing: %v", growing)
		}
	}
}

// growth returns by how much the samples of each target have grown, unless it is below a hundredth.
func growth(before, after map[string]float64) map[string]float64 {
	growing := map[string]float64{}
	for target, n := range after {
		if n > before[target]*1.01 {
			growing[target] = n - before[target]
		}
	}
	return growing
}

// samplesAfterVisits waits for further visits, half of which are of other customers, and returns the
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
