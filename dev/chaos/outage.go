package chaos

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/traffic"
)

const (
	// ordersPerMinute is KOS's rate limit of orders (product.md, "KOS").
	ordersPerMinute = 50
	// ordersAtOnce is the number of orders that the service may have in progress: an eighth of its
	// budget, which is slightly below KOS's limit.
	ordersAtOnce = 6
)

// orderly removes the rate limits of everything but orders and their status.
var orderly = slices.DeleteFunc(slices.Clone(kos.Unlimited), func(variable string) bool {
	return strings.HasPrefix(variable, "KOS_CHANGE_")
})

// Outage returns the scenario in which KOS answers nothing for a time while changes wait and two
// customers read.
func Outage(changes int, lasts time.Duration) Scenario {
	requests := make([][]ChangeRequest, changes)
	for n := range requests {
		requests[n] = []ChangeRequest{{Key: fmt.Sprintf("outage-%d", n), Async: true}}
	}
	return Scenario{
		Name: "changes-wait", Description: "KOS refuses orders, then answers nothing, while changes wait.",
		Env: orderly, Regulars: 2, Pace: 50 * time.Millisecond, Asks: []string{catalogue, history}, Changes: requests,
		Behaviors: map[string]kos.Behavior{kos.ProductChange: {Latency: kos.Latency{Min: 300, Max: 800}, LimitPerMinute: ordersPerMinute}},
		Quiet:     5 * time.Second, For: lasts, begin: (*run).silenceKOS,
		Bounds: Bounds{Limited: true, InOrder: true, Orders: ordersPerMinute},
		table:  outageTable,
	}
}

// silenceKOS makes KOS refuse orders, requests all changes, and then makes KOS answer nothing.
func (r *run) silenceKOS(context.Context) error {
	back := r.report.Trouble.Add(r.scenario.For)
	refusing := r.scenario.Behaviors[kos.ProductChange]
	refusing.OutageSeconds = int(r.scenario.For.Seconds())
	if err := r.KOS.Behave(kos.ProductChange, refusing); err != nil {
		return err
	}
	for _, c := range r.customers {
		observed := c.intend(c.requests[0])
		if answer := c.order(&observed, c.requests[0]); !answer.Succeeded() {
			return fmt.Errorf("a change was not accepted: %s", answer)
		}
		c.observed = append(c.observed, observed)
	}
	r.Say("%d changes wait, KOS answers nothing for %s", len(r.customers), time.Until(back).Round(time.Second))
	silent := kos.Calm
	silent.OutageSeconds = int(time.Until(back).Seconds()) + 1
	for _, endpoint := range kos.Endpoints {
		if endpoint == kos.ProductChange {
			continue
		}
		if err := r.KOS.Behave(endpoint, silent); err != nil {
			return err
		}
	}
	return nil
}

// disorder compares the order of KOS's orders with that of acceptance. It returns the maximum number
// of places by which a change was carried out late, and the number of changes that are further
// behind than orders in progress at the same time explain.
func (r Records) disorder() (behind, outOfOrder int) {
	place := map[string]int{}
	for i, observed := range r.Observed {
		for _, answer := range observed.Answers {
			place[answer.RequestID] = i
		}
	}
	orders := slices.SortedStableFunc(slices.Values(r.Orders), func(a, b kos.Order) int { return a.CreatedAt.Compare(b.CreatedAt) })
	for i, order := range orders {
		late := i - place[order.RequestID]
		behind = max(behind, late)
		if late >= ordersAtOnce {
			outOfOrder++
		}
	}
	return behind, outOfOrder
}

// outageTable returns the report of an outage as a Markdown table.
func outageTable(r Report) string {
	before, since := r.regulars(r.quiet()), r.regulars(span{r.Trouble, r.whole().to})
	behind, _ := r.Records.disorder()
	return `| changes | outage | drained after | busiest minute | refused as too many | places behind | looks | failed | median, to a quiet time's | slowest |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
` + fmt.Sprintf("| %d | %s | %s | %d | %d | %d | %d | %d | %.2f | %s |",
		len(r.Records.Rows), r.Scenario.For, r.settled().Round(time.Second), busiest(r.Records.orderTimes()),
		r.calls(r.whole(), http.StatusTooManyRequests), behind, len(since), len(since)-len(got(since, fresh)),
		float64(traffic.Median(since))/float64(max(traffic.Median(before), 1)), slowest(since).Took.Round(time.Millisecond))
}
