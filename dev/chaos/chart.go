package chaos

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/go-analyze/charts"

	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// Results of calls at KOS.
const (
	answered   = "answered"
	throttled  = "429"
	broken     = "5xx"
	unanswered = "no answer"
)

// queued is the displayed kind of a poll at Location before the bill arrives.
const queued = "still queued"

// Displayed durations.
const (
	median    = "regulars: median"
	tail      = "99th percentile"
	newcomer  = "newcomers: slowest"
	routines  = "goroutines"
	megabyte  = "MB"
	leastTime = 1e-3 // s, of the logarithmic axis
)

// timeline is a run in steps of a second, or of a few if the run is long.
type timeline struct {
	began  time.Time
	step   time.Duration
	steps  int
	series map[string][]float64 // a value for each step, by name
}

// mostSteps is the maximum number of steps in a chart.
const mostSteps = 420

func newTimeline(r Report) timeline {
	whole := r.Ended.Sub(r.Began)
	step := time.Duration(1+int((whole-1)/(mostSteps*time.Second))) * time.Second
	t := timeline{r.Began, step, max(1, int((whole+step-1)/step)), map[string][]float64{}}
	regulars, arrivals := map[int][]traffic.Call{}, map[int][]traffic.Call{}
	rate := 1 / step.Seconds()
	for _, call := range r.Regulars {
		*t.at(call.Got, call.End()) += rate
		regulars[t.index(call.End())] = append(regulars[t.index(call.End())], call)
	}
	for _, call := range r.newcomers(r.whole(), true) {
		*t.at(displayed(call), call.End()) += rate
		arrivals[t.index(call.End())] = append(arrivals[t.index(call.End())], call)
	}
	for i := range t.steps {
		at := t.began.Add(time.Duration(i) * step)
		*t.at(median, at), *t.at(tail, at) = traffic.Median(regulars[i]).Seconds(), traffic.Quantile(regulars[i], 0.99).Seconds()
		*t.at(newcomer, at) = slowest(arrivals[i]).Took.Seconds()
	}
	for _, call := range r.KOS {
		*t.at(reaction(call.Status), call.At) += rate
	}
	for _, gauge := range r.Gauges {
		most, memory := t.at(routines, gauge.At), t.at(megabyte, gauge.At)
		*most, *memory = max(*most, float64(gauge.Goroutines)), max(*memory, megabytes(gauge.Memory))
	}
	return t
}

// index returns the step of a time; later times belong to the last one.
func (t timeline) index(at time.Time) int { return min(max(0, int(at.Sub(t.began)/t.step)), t.steps-1) }

// at returns the value of a series at a time.
func (t timeline) at(name string, at time.Time) *float64 {
	if t.series[name] == nil {
		t.series[name] = make([]float64, t.steps)
	}
	return &t.series[name][t.index(at)]
}

// displayed returns the displayed kind of an answer.
func displayed(call traffic.Call) string {
	if call.Asked == progress && call.Got == waiting {
		return queued
	}
	return call.Got
}

func reaction(status int) string {
	switch {
	case status == 0:
		return unanswered
	case status == http.StatusTooManyRequests:
		return throttled
	case status >= http.StatusInternalServerError:
		return broken
	}
	return answered
}

// colors can be distinguished with red-green colour blindness.
var colors = map[string]string{
	fresh: "#3a9d6e", stale: "#e8b93b", waiting: "#5b8fd6", queued: "#c9dbf3", refused: "#d9772f", failed: "#b3123f",
	answered: "#3a9d6e", throttled: "#5b8fd6", broken: "#d9772f", unanswered: "#77358a",
	median: "#1f6f4a", tail: "#c98a00", newcomer: "#5b8fd6", routines: "#444444", megabyte: "#444444",
}

// panels are the panels of a chart. Bands are stacked; times have a logarithmic axis.
var panels = []struct {
	title       string
	names       []string
	bands, time bool
}{
	{title: "answers a second", names: []string{fresh, stale, refused, failed, waiting, queued}, bands: true},
	{title: "time until the answer", names: []string{median, tail, newcomer}, time: true},
	{title: "calls a second that reached KOS", names: []string{answered, throttled, broken, unanswered}, bands: true},
	{title: "goroutines of bill-inquiry-service", names: []string{routines}},
	{title: "memory of bill-inquiry-service, MB", names: []string{megabyte}},
}

// chart returns the chart of a report as SVG.
func chart(r Report) ([]byte, error) {
	const width, height = 980, 190
	t := newTimeline(r)
	labels := make([]string, t.steps)
	for i := range labels {
		labels[i] = fmt.Sprintf("%d s", int(t.began.Add(time.Duration(i)*t.step).Sub(r.Trouble).Round(time.Second).Seconds()))
	}
	whole := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: width, Height: height * len(panels)})
	for i, panel := range panels {
		var names []string
		var values [][]float64
		var palette []charts.Color
		for _, name := range panel.names {
			if series := t.series[name]; len(series) > 0 {
				if !panel.bands {
					series = withGaps(series, panel.time)
				}
				names, values, palette = append(names, name), append(values, series), append(palette, charts.ParseColor(colors[name]))
			}
		}
		option := charts.NewLineChartOptionWithData(values)
		option.Theme = charts.GetDefaultTheme().WithSeriesColors(palette)
		option.Title.Text, option.Legend.SeriesNames = panel.title, names
		option.Symbol.Shape, option.LineStrokeWidth, option.StackSeries = charts.SymbolNone, 1, charts.Ptr(panel.bands)
		option.XAxis.Labels, option.XAxis.LabelCount, option.XAxis.BoundaryGap = labels, 14, charts.Ptr(false)
		option.YAxis = []charts.YAxisOption{{Min: charts.Ptr(0.0)}}
		if panel.time {
			option.YAxis[0] = charts.YAxisOption{Min: charts.Ptr(0.0), Max: charts.Ptr(4.0), LabelCount: 5, ValueFormatter: powers}
		}
		area := whole.Child(charts.PainterBoxOption(charts.NewBox(0, i*height, width, (i+1)*height)))
		if err := area.LineChart(option); err != nil {
			return nil, fmt.Errorf("draw %s: %w", panel.title, err)
		}
	}
	return whole.Bytes()
}

// withGaps returns a series with gaps in the steps without a value; for a logarithmic axis, the
// decimal logarithms of durations in seconds, from leastTime.
func withGaps(series []float64, logarithmic bool) []float64 {
	values := make([]float64, len(series))
	for i, value := range series {
		switch {
		case value == 0:
			values[i] = charts.GetNullValue()
		case logarithmic:
			values[i] = math.Log10(max(value, leastTime) / leastTime)
		default:
			values[i] = value
		}
	}
	return values
}

// powers formats the value of a logarithmic axis.
func powers(value float64) string {
	return time.Duration(leastTime * math.Pow(10, value) * float64(time.Second)).Round(time.Millisecond).String()
}
