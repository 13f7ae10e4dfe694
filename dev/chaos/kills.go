package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/kos"
)

const (
	// killsTimeout bounds the disruptions. It is reached only if customers make no progress.
	killsTimeout = 25 * time.Minute
	// finalTimeout is how long after the last recovery a change may take. The breaker towards KOS
	// alone stays open for 60 s.
	finalTimeout = 90 * time.Second
)

// Kills returns the scenario in which parts of the system are killed and paused while plans are
// changed.
func Kills(seed uint64, size Size) Scenario {
	plan := NewPlan(seed, size)
	return Scenario{
		Name: fmt.Sprintf("kills-%d", seed), Description: "Parts of the system are killed and paused while plans are changed.",
		Env: kos.Unlimited,
		Behaviors: map[string]kos.Behavior{kos.ProductChange: {
			Latency: kos.Latency{Min: 50, Max: 200}, ErrorShare: 0.02, ErrorStatus: http.StatusInternalServerError,
			Script: plan.Faults,
		}},
		Changes: plan.Customers, Disruptions: plan.Disruptions, begin: (*run).disrupt,
		Bounds: Bounds{Final: finalTimeout},
		table:  func(r Report) string { return killsTable(seed, r) },
	}
}

// disrupt runs the customers while the system is disrupted. The trouble is over when everything is
// ready again.
func (r *run) disrupt(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, killsTimeout)
	defer cancel()
	watched, unwatch := context.WithCancel(ctx)
	defer unwatch()
	var living, watching sync.WaitGroup
	var broken error
	watching.Go(func() { broken = r.injector.supervise(watched) })
	for _, c := range r.customers {
		living.Go(func() { c.run(ctx, r.report.Trouble) })
	}
	err := r.injector.run(ctx, r.scenario.Disruptions, &r.done)
	if err != nil {
		cancel()
	}
	r.report.Over = time.Now()
	r.Say("all disruptions are done and everything is ready after %s", r.report.Over.Sub(r.report.Trouble).Round(time.Second))
	living.Wait()
	unwatch()
	watching.Wait()
	return errors.Join(err, broken)
}

// killsTable returns the report as a Markdown table.
func killsTable(seed uint64, r Report) string {
	kinds := map[Kind]int{}
	for _, inconsistency := range Compare(r.Records) {
		kinds[inconsistency.Kind]++
	}
	return `| seed | changes | kills | pauses | completed | failed | repeated | lost | twice | disagreeing | last one final after | took |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
` + fmt.Sprintf("| %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %s | %s |",
		seed, len(r.Records.Rows), r.Kills, r.Pauses, r.Records.count(api.Completed), r.Records.count(api.Failed), r.repeated(),
		kinds[Lost], kinds[Doubled], kinds[Disagreeing], r.settled().Round(100*time.Millisecond), r.Ended.Sub(r.Opened).Round(time.Second))
}

// repeated returns the number of retries.
func (r Report) repeated() int {
	asked := 0
	for kind, n := range r.Answers {
		if strings.HasPrefix(kind, "ask: ") {
			asked += n
		}
	}
	return asked - len(r.Records.Observed)
}
