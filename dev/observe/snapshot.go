package observe

import (
	"context"
	"fmt"
	neturl "net/url"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/phonebill/phonebill/dev/system"
)

// Snapshot is what the status page shows, except traces.
type Snapshot struct {
	At     time.Time `json:"at"`
	Parts  []Part    `json:"parts"`
	Charts []Chart   `json:"charts"`
	Alerts []Alert   `json:"alerts"`
	// Missing names what could not be read.
	Missing []string `json:"missing"`
}

// Part is a part of the system.
type Part struct {
	Name string `json:"name"`
	// Trouble is why the part is not ready, or "".
	Trouble string `json:"trouble"`
}

// Chart is the result of a query over the last minutes.
type Chart struct {
	Query

	Series []Series `json:"series"`
}

// Series is one line of a chart.
type Series struct {
	Name   string  `json:"name"`
	Points []Point `json:"points"`
}

// Point is a time in seconds since 1970 and a value.
type Point [2]float64

// Alert is a pending or firing alert.
type Alert struct {
	Name     string    `json:"name"`
	State    string    `json:"state"`
	Severity string    `json:"severity"`
	Since    time.Time `json:"since"`
	Summary  string    `json:"summary"`
	Runbook  string    `json:"runbook"`
}

const (
	span  = 15 * time.Minute // of the charts
	step  = 15 * time.Second // between points
	limit = 12               // series of a chart
)

// snapshot reads everything concurrently. What cannot be read is missing in the result, because the
// page has to be of use when a part does not work.
func (s *Stack) snapshot(ctx context.Context) Snapshot {
	snapshot := Snapshot{At: time.Now(), Charts: make([]Chart, len(queries))}
	failures := make([]error, len(queries)+2)
	var group errgroup.Group
	for i, query := range queries {
		snapshot.Charts[i].Query = query
		group.Go(func() error {
			snapshot.Charts[i].Series, failures[i] = evaluate(ctx, query, snapshot.At)
			return nil
		})
	}
	group.Go(func() error { snapshot.Alerts, failures[len(queries)] = Alerts(ctx); return nil })
	group.Go(func() error { snapshot.Parts, failures[len(queries)+1] = s.parts(ctx); return nil })
	_ = group.Wait() // the functions return no errors
	for _, failure := range failures {
		if failure != nil {
			snapshot.Missing = append(snapshot.Missing, failure.Error())
		}
	}
	return snapshot
}

// parts returns the parts of the system.
func (s *Stack) parts(ctx context.Context) ([]Part, error) {
	states, err := system.States(ctx, s.watched)
	if err != nil {
		return nil, fmt.Errorf("the parts of the system: %w", err)
	}
	parts := make([]Part, 0, len(states))
	for _, state := range states {
		part := Part{Name: string(state.Role)}
		if state.Err != nil {
			part.Trouble = state.Err.Error()
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// evaluate runs a query over the span that ends at a time.
func evaluate(ctx context.Context, query Query, at time.Time) ([]Series, error) {
	results, err := Range(ctx, query.Expr, at.Add(-span), at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", query.Title, err)
	}
	var all []Series
	for _, result := range results[:min(limit, len(results))] {
		one := Series{Name: result.Metric[query.By]}
		for _, value := range result.Values {
			one.Points = append(one.Points, point(value))
		}
		all = append(all, one)
	}
	return all, nil
}

// Result is a series that Prometheus returns: its labels, and pairs of a number (seconds since 1970)
// and a number in a string.
type Result struct {
	Metric map[string]string `json:"metric"`
	Values [][2]any          `json:"values"`
}

// Range runs a query of Prometheus over a span of time.
func Range(ctx context.Context, expr string, from, to time.Time) ([]Result, error) {
	var answer struct {
		Data struct {
			Result []Result `json:"result"`
		} `json:"data"`
	}
	parameters := neturl.Values{"query": {expr}, "step": {step.String()}, "start": {seconds(from)}, "end": {seconds(to)}}
	err := getJSON(ctx, url(PrometheusPort, "/api/v1/query_range?"+parameters.Encode()), &answer)
	return answer.Data.Result, err
}

func seconds(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// point converts a pair of Prometheus: a number and a number in a string. A value that is not finite
// becomes 0, because JSON has none.
func point(pair [2]any) (p Point) {
	p[0], _ = pair[0].(float64)
	text, _ := pair[1].(string)
	if value, err := strconv.ParseFloat(text, 64); err == nil && value-value == 0 {
		p[1] = value
	}
	return p
}

// Alerts returns the pending and firing alerts.
func Alerts(ctx context.Context) ([]Alert, error) {
	var answer struct {
		Data struct {
			Alerts []struct {
				Labels      map[string]string `json:"labels"`
				Annotations map[string]string `json:"annotations"`
				State       string            `json:"state"`
				ActiveAt    time.Time         `json:"activeAt"`
			} `json:"alerts"`
		} `json:"data"`
	}
	if err := getJSON(ctx, url(PrometheusPort, "/api/v1/alerts"), &answer); err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	all := make([]Alert, 0, len(answer.Data.Alerts))
	for _, alert := range answer.Data.Alerts {
		all = append(all, Alert{
			Name: alert.Labels["alertname"], State: alert.State, Severity: alert.Labels["severity"], Since: alert.ActiveAt,
			Summary: alert.Annotations["summary"], Runbook: alert.Annotations["runbook_url"],
		})
	}
	return all, nil
}
