// Package goals compares the results of benchmarks with the goals that the benchmarks report.
//
// A goal is a metric called "min:" or "max:" and the unit of another metric of the same benchmark, which
// should be at least or at most that value.
package goals

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
)

// confidence is the confidence level of the intervals of the medians.
const confidence = 0.95

// Results of Check.
var (
	ErrMissed = errors.New("benchmarks miss their goals")
	ErrNone   = errors.New("no benchmark reported a goal")
)

// goal is a goal with the values that its metric had in all runs.
type goal struct {
	benchmark, unit string
	least           bool // the value is a minimum
	value           float64
	got             []float64
}

// Check reads the output of `go test -bench`, writes a table of the goals to out, and returns ErrMissed
// if at least one is missed, or ErrNone if there are no goals.
//
// The result of a metric is the median of its runs. A goal is missed if the whole confidence interval of
// the median (95 %, without an assumption about the distribution, which takes six runs) is on its wrong
// side, and met if the whole interval is on its right side; otherwise the runs differ too much to say.
func Check(output io.Reader, out io.Writer) error {
	all, err := read(output)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return ErrNone
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "benchmark\tmetric\tmedian\tinterval\tgoal\tresult")
	var missed error
	for _, g := range all {
		summary := benchmath.AssumeNothing.Summary(benchmath.NewSample(g.got, &benchmath.DefaultThresholds), confidence)
		result := g.compare(summary.Lo, summary.Hi)
		if result == "missed" {
			missed = ErrMissed
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%.3g\t%.3g to %.3g\t%s %.3g\t%s\n",
			g.benchmark, g.unit, summary.Center, summary.Lo, summary.Hi, g.relation(), g.value, result)
	}
	return errors.Join(table.Flush(), missed)
}

func (g goal) relation() string {
	if g.least {
		return "at least"
	}
	return "at most"
}

// compare returns the result of a metric whose median is from lo to hi.
func (g goal) compare(lo, hi float64) string {
	if !g.least { // mirrored, it is a minimum
		g.value, lo, hi = -g.value, -hi, -lo
	}
	switch {
	case lo >= g.value:
		return "met"
	case hi < g.value:
		return "missed"
	default:
		return "unclear"
	}
}

// read returns the goals in the order of benchmarks and units. The goals of a benchmark's runs are equal.
func read(output io.Reader) ([]goal, error) {
	found := make(map[string]*goal)
	reader := benchfmt.NewReader(output, "go test")
	for reader.Scan() {
		result, ok := reader.Result().(*benchfmt.Result)
		if !ok {
			continue // a line that is no result
		}
		for _, metric := range result.Values {
			bound, unit, ok := strings.Cut(metric.Unit, ":")
			got, measured := result.Value(unit)
			if !ok || !measured || bound != "min" && bound != "max" {
				continue
			}
			key := result.Name.String() + " " + metric.Unit
			if found[key] == nil {
				found[key] = &goal{benchmark: result.Name.String(), unit: unit, least: bound == "min", value: metric.Value}
			}
			found[key].got = append(found[key].got, got)
		}
	}
	var all []goal
	for _, g := range found {
		all = append(all, *g)
	}
	slices.SortFunc(all, func(a, b goal) int {
		return cmp.Or(cmp.Compare(a.benchmark, b.benchmark), cmp.Compare(a.unit, b.unit), cmp.Compare(a.value, b.value))
	})
	return all, reader.Err()
}
