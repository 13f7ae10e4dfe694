// Command promql evaluates PromQL queries over sample series with Prometheus's engine. It reads
// cases from standard input as a JSON array, and writes the result of each query to standard
// output, in the same order.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

// Case is a query with its samples.
type Case struct {
	// Series are in the notation of Prometheus's rule tests, `name{label="x"} 0+5x10`. The first
	// sample is at second 0; `_` omits a sample.
	Series []string `json:"series"`
	// Seconds is the interval between samples.
	Seconds int `json:"seconds"`
	// At is the evaluation time in seconds.
	At    int    `json:"at"`
	Query string `json:"query"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "promql:", err)
		os.Exit(1)
	}
}

func run() error {
	var cases []Case
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		return err
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{})})
	results := make([]promql.Vector, 0, len(cases))
	for _, one := range cases {
		result, err := evaluate(engine, one)
		if err != nil {
			return fmt.Errorf("%s: %w", one.Query, err)
		}
		results = append(results, result)
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

// evaluate returns the instant vector of a query.
func evaluate(engine *promql.Engine, one Case) (promql.Vector, error) {
	series, err := parse(one.Series, one.Seconds)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	query, err := engine.NewInstantQuery(ctx, queryable(series), nil, one.Query, time.Unix(int64(one.At), 0))
	if err != nil {
		return nil, err
	}
	defer query.Close()
	vector, err := query.Exec(ctx).Vector()
	return append(promql.Vector{}, vector...), err
}

// parse returns series from their notation, with samples at the given interval.
func parse(texts []string, interval int) ([]storage.Series, error) {
	series := make([]storage.Series, 0, len(texts))
	for _, text := range texts {
		set, values, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
		one := promql.Series{Metric: set}
		for i, value := range values {
			if !value.Omitted {
				one.Floats = append(one.Floats, promql.FPoint{T: int64(i*interval) * 1000, F: value.Value})
			}
		}
		series = append(series, promql.NewStorageSeries(one))
	}
	return series, nil
}

// queryable serves series from memory.
func queryable(all []storage.Series) storage.Queryable {
	return &storage.MockQueryable{MockQuerier: &storage.MockQuerier{
		SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
			found := &seriesSet{SeriesSet: storage.EmptySeriesSet(), next: -1}
			for _, one := range all {
				if matches(one.Labels(), matchers) {
					found.series = append(found.series, one)
				}
			}
			return found
		},
	}}
}

// seriesSet is the SeriesSet of a slice.
type seriesSet struct {
	storage.SeriesSet

	series []storage.Series
	next   int
}

func (s *seriesSet) Next() bool {
	s.next++
	return s.next < len(s.series)
}

func (s *seriesSet) At() storage.Series { return s.series[s.next] }

func matches(set labels.Labels, matchers []*labels.Matcher) bool {
	for _, matcher := range matchers {
		if !matcher.Matches(set.Get(matcher.Name)) {
			return false
		}
	}
	return true
}
