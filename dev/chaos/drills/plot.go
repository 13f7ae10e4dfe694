package drills

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// plot is one of the plots, which share the time axis.
type plot struct {
	Title       string
	Top, Bottom int
	Marks       []mark
	Layers      []layer
}

// Height returns the height of the plot without its title.
func (p plot) Height() int { return p.Bottom - p.Top }

// TitleY and LegendY return the positions of title and legend.
func (p plot) TitleY() int  { return p.Top - 8 }
func (p plot) LegendY() int { return p.Top - 17 }

// layer is a filled band or a line of a plot.
type layer struct {
	Name, Color, Path string
	Line              bool
	LegendX           float64
}

// LegendTextX returns the position of the layer's name.
func (l layer) LegendTextX() float64 { return l.LegendX + 13 }

// colors can be distinguished with red-green colour blindness.
var colors = map[string]string{
	fresh: "#3a9d6e", stale: "#e8b93b", waiting: "#5b8fd6", queued: "#c9dbf3", refused: "#d9772f", failed: "#b3123f",
	answered: "#3a9d6e", throttled: "#5b8fd6", broken: "#d9772f", unanswered: "#77358a",
}

func answersPlot(t timeline, top, bottom int) plot {
	p := plot{Title: "answers a second", Top: top, Bottom: bottom}
	p.stack(t, []string{fresh, stale, refused, failed, waiting, queued}, func(m moment, kind string) float64 { return m.got[kind] })
	return p
}

func kosPlot(t timeline, top, bottom int) plot {
	p := plot{Title: "calls a second that reached KOS", Top: top, Bottom: bottom}
	p.stack(t, reactions, func(m moment, kind string) float64 { return m.kos[kind] })
	return p
}

func goroutinesPlot(t timeline, top, bottom int) plot {
	p := plot{Title: "goroutines of bill-inquiry-service", Top: top, Bottom: bottom}
	p.line(t, "#444444", func(m moment) float64 { return m.goroutines })
	return p
}

func memoryPlot(t timeline, top, bottom int) plot {
	p := plot{Title: "memory of bill-inquiry-service, MB", Top: top, Bottom: bottom}
	p.line(t, "#444444", func(m moment) float64 { return m.memory })
	return p
}

// latencyPlot has a logarithmic scale from 1 ms to 10 s.
func latencyPlot(t timeline, top, bottom int) plot {
	p := plot{Title: "time until the answer", Top: top, Bottom: bottom}
	const least, most = 1e-3, 10.0 // s
	y := func(d time.Duration) float64 {
		part := math.Log(max(d.Seconds(), least)/least) / math.Log(most/least)
		return float64(bottom) - min(part, 1)*float64(bottom-top)
	}
	for _, d := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 8 * time.Second} {
		p.Marks = append(p.Marks, mark{y(d), d.String()})
	}
	for _, of := range []struct {
		name, color string
		took        func(moment) time.Duration
	}{
		{"seen before: median", "#1f6f4a", func(m moment) time.Duration { return m.median }},
		{"99th percentile", "#c98a00", func(m moment) time.Duration { return m.tail }},
		{"newcomers: slowest", "#5b8fd6", func(m moment) time.Duration { return m.slowest }},
	} {
		p.Layers = append(p.Layers, layer{Name: of.name, Color: of.color, Line: true, Path: t.path(func(m moment) (float64, bool) {
			return y(of.took(m)), of.took(m) > 0
		})})
	}
	p.place()
	return p
}

// stack adds stacked bands for the kinds that occur.
func (p *plot) stack(t timeline, kinds []string, value func(moment, string) float64) {
	most := 1.0
	for _, m := range t.moments {
		sum := 0.0
		for _, kind := range kinds {
			sum += value(m, kind)
		}
		most = max(most, sum)
	}
	y := p.scale(most)
	below := make([]float64, len(t.moments))
	for _, kind := range kinds {
		above, some := make([]float64, len(below)), false
		for i, m := range t.moments {
			above[i] = below[i] + value(m, kind)
			some = some || above[i] > below[i]
		}
		if some {
			p.Layers = append(p.Layers, layer{Name: kind, Color: colors[kind], Path: t.band(below, above, y)})
		}
		below = above
	}
	p.place()
}

// line adds a line with gaps where there is no value.
func (p *plot) line(t timeline, color string, value func(moment) float64) {
	most := 1.0
	for _, m := range t.moments {
		most = max(most, value(m))
	}
	y := p.scale(most)
	p.Layers = append(p.Layers, layer{Color: color, Line: true, Path: t.path(func(m moment) (float64, bool) {
		return y(value(m)), value(m) > 0
	})})
}

// scale marks a linear axis from 0 to at least most, and returns the function from values to
// positions.
func (p *plot) scale(most float64) (y func(float64) float64) {
	unit := math.Pow(10, math.Floor(math.Log10(most)))
	for _, factor := range []float64{0.5, 1, 2, 5} {
		if most/(unit*factor) <= 4 {
			unit *= factor
			break
		}
	}
	top := math.Ceil(most/unit) * unit
	y = func(value float64) float64 { return float64(p.Bottom) - value/top*float64(p.Bottom-p.Top) }
	for value := 0.0; value <= top; value += unit {
		p.Marks = append(p.Marks, mark{y(value), fmt.Sprintf("%g", value)})
	}
	return y
}

// place positions the legend beside the title.
func (p *plot) place() {
	const letter, square = 6.2, 26
	x := plotLeft + letter*float64(len(p.Title)) + 2*square
	for i := range p.Layers {
		p.Layers[i].LegendX = x
		x += letter*float64(len(p.Layers[i].Name)) + square
	}
}

// band outlines what lies between two series, in steps.
func (t timeline) band(below, above []float64, y func(float64) float64) string {
	var path strings.Builder
	last := len(above) - 1
	fmt.Fprintf(&path, "M%.1f %.1f", t.x(0), y(above[0]))
	for i, value := range above {
		if i == last || above[i+1] != value {
			fmt.Fprintf(&path, "V%.1fH%.1f", y(value), t.x(t.step*time.Duration(i+1)))
		}
	}
	for i := last; i >= 0; i-- {
		if i == 0 || below[i-1] != below[i] {
			fmt.Fprintf(&path, "V%.1fH%.1f", y(below[i]), t.x(t.step*time.Duration(i)))
		}
	}
	return path.String() + "Z"
}

// path joins the middles of moments.
func (t timeline) path(y func(moment) (at float64, there bool)) string {
	var path strings.Builder
	command := "M"
	for i, m := range t.moments {
		at, there := y(m)
		if !there {
			command = "M"
			continue
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", command, t.x(t.step*time.Duration(i)+t.step/2), at)
		command = "L"
	}
	return path.String()
}
