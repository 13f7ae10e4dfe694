package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-analyze/charts"
)

// Save writes the report as text and JSON and a picture of its latencies into a folder, and returns
// the path of the text.
func (r Report) Save(dir string) (path string, err error) {
	encoded, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	drawn, err := r.picture()
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "load-"+r.Name+".txt")
	err = os.MkdirAll(dir, 0o750)
	for extension, content := range map[string][]byte{".txt": []byte(r.String()), ".json": encoded, ".svg": drawn} {
		err = errors.Join(err, os.WriteFile(path[:len(path)-len(".txt")]+extension, content, 0o600))
	}
	return path, err
}

// picture returns the latencies of each step of each round by percentile, as SVG. Both axes are
// logarithmic: each percentile shown has a tenth of the previous one's requests above it.
func (r Report) picture() ([]byte, error) {
	const width, height = 980, 300
	percentiles := []float64{0, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99}
	labels := make([]string, len(percentiles))
	for i, p := range percentiles {
		labels[i] = fmt.Sprintf("%g %%", p)
	}
	whole := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: width, Height: height * max(1, len(r.Rounds))})
	for i, round := range r.Rounds {
		steps := slices.Sorted(maps.Keys(round.histograms))
		if len(steps) == 0 {
			continue
		}
		var names []string
		var values [][]float64
		for _, step := range steps {
			names = append(names, string(step))
			series := make([]float64, len(percentiles))
			for i, p := range percentiles {
				series[i] = math.Log10(max(1, float64(round.histograms[step].ValueAtQuantile(p))/shortest))
			}
			values = append(values, series)
		}
		option := charts.NewLineChartOptionWithData(values)
		option.Title.Text, option.Legend.SeriesNames = fmt.Sprintf("%s: %.0f requests/s", round.Name, round.PerSecond), names
		option.Legend.Offset = charts.OffsetStr{Left: charts.PositionRight}
		option.Symbol.Shape, option.LineStrokeWidth = charts.SymbolNone, 1.5
		option.XAxis.Labels, option.XAxis.BoundaryGap = labels, charts.Ptr(false)
		option.YAxis = []charts.YAxisOption{{Min: charts.Ptr(0.0), Max: charts.Ptr(6.0), LabelCount: 7, ValueFormatter: power}}
		area := whole.Child(charts.PainterBoxOption(charts.NewBox(0, i*height, width, (i+1)*height)))
		if err := area.LineChart(option); err != nil {
			return nil, fmt.Errorf("draw %s: %w", round.Name, err)
		}
	}
	return whole.Bytes()
}

// shortest is the shortest time in the picture, in microseconds.
const shortest = 100

// power formats the value of a logarithmic axis.
func power(value float64) string {
	return (time.Duration(shortest*math.Pow(10, value)) * time.Microsecond).String()
}
