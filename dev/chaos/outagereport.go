package chaos

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/phonebill/phonebill/dev/chaos/internal/stage"
	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// OutageReport is the result of an outage.
type OutageReport struct {
	Outage
	// Drained is how long after KOS's return the last change became final.
	Drained time.Duration
	// Behind is the maximum number of places by which a change was carried out late, and OutOfOrder
	// the number of changes beyond normal concurrency.
	Behind, OutOfOrder int
	// Busiest is the maximum number of orders within a minute, and TooMany the number of 429
	// answers.
	Busiest, TooMany int
	Unfinished       int // changes that are not completed

	Looks, Failed int           // reads of catalogue and history during the outage, and failed ones
	Quiet, Median time.Duration // medians before the outage, and since
	Slowest       time.Duration // since
	FirstFailure  string
}

func (r *outageRun) report(began time.Time, rows []Row, looks []traffic.Call) (OutageReport, error) {
	report := OutageReport{Outage: r.outage}
	orders, err := r.KOS.Orders(string(stage.Products))
	if err != nil {
		return report, err
	}
	calls, err := r.KOS.Calls(kos.Query{Endpoint: kos.ProductChange})
	if err != nil {
		return report, err
	}
	report.TooMany = calls.ByStatus[strconv.Itoa(http.StatusTooManyRequests)]
	report.Drained = settled(rows, r.back)
	for _, row := range rows {
		if row.Status != api.Completed {
			report.Unfinished++
		}
	}
	report.Behind, report.OutOfOrder = disorder(r.accepted, orders)
	report.Busiest = busiest(orders)
	report.watch(began, looks)
	return report, nil
}

// disorder compares the order of KOS's orders with that of acceptance.
func disorder(accepted []string, orders []kos.Order) (behind, outOfOrder int) {
	place := map[string]int{}
	for i, id := range accepted {
		place[id] = i
	}
	slices.SortStableFunc(orders, func(a, b kos.Order) int { return a.CreatedAt.Compare(b.CreatedAt) })
	for i, order := range orders {
		late := i - place[order.RequestID]
		behind = max(behind, late)
		if late >= ordersAtOnce {
			outOfOrder++
		}
	}
	return behind, outOfOrder
}

// busiest returns the maximum number of orders within any minute.
func busiest(orders []kos.Order) (most int) {
	first := 0
	for i, order := range orders {
		for order.CreatedAt.Sub(orders[first].CreatedAt) >= time.Minute {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

func (o *OutageReport) watch(began time.Time, looks []traffic.Call) {
	var before, during []traffic.Call
	for _, call := range looks {
		if call.Start.Before(began) {
			before = append(before, call)
		} else {
			during = append(during, call)
		}
	}
	failed := traffic.Failures(during)
	o.Looks, o.Failed = len(during), len(failed)
	o.Quiet, o.Median = traffic.Median(before), traffic.Median(during)
	if len(failed) > 0 {
		o.FirstFailure = failed[0].Reason
	}
	for _, call := range during {
		o.Slowest = max(o.Slowest, call.Took)
	}
}

// Faults returns the violated requirements.
func (o OutageReport) Faults() []string {
	var faults []string
	add := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	add(o.Unfinished > 0, "%d changes were not completed", o.Unfinished)
	add(o.OutOfOrder > 0, "%d changes were carried out of order, one %d places behind", o.OutOfOrder, o.Behind)
	add(o.Busiest > ordersPerMinute, "KOS carried out %d orders within a minute", o.Busiest)
	add(o.TooMany > 0, "KOS refused %d orders: too many", o.TooMany)
	add(o.Failed > 0, "%d of %d reads failed, the first: %s", o.Failed, o.Looks, o.FirstFailure)
	return faults
}

// OutageHead is the head of the table of outages.
const OutageHead = `| changes | outage | drained after | busiest minute | refused as too many | places behind | looks | failed | median, to a quiet time's | slowest |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|`

// TableRow returns the report as a row of a Markdown table.
func (o OutageReport) TableRow() string {
	return fmt.Sprintf("| %d | %s | %s | %d | %d | %d | %d | %d | %.2f | %s |",
		o.Changes, o.For, o.Drained.Round(time.Second), o.Busiest, o.TooMany, o.Behind, o.Looks, o.Failed,
		float64(o.Median)/float64(max(o.Quiet, 1)), o.Slowest.Round(time.Millisecond))
}
