package drills

import (
	_ "embed"
	"fmt"
	"io"
	"text/template"
	"time"
)

//go:embed picture.svg.tmpl
var pictureSource string

var pictureTemplate = template.Must(template.New("picture").Parse(pictureSource))

// Dimensions in pixels.
const (
	pictureWidth = 980
	plotLeft     = 64
	plotRight    = 964
	plotTop      = 84
	plotGap      = 46 // between plots; contains the next title
)

// picture is the input of the template.
type picture struct {
	Width, Height, Left, Right int
	MarkX, TimesY              int
	Title, Story               string
	Shades                     []shade
	Plots                      []plot
	Times                      []mark // of the time axis
}

// shade is a highlighted time range.
type shade struct {
	X, Width float64
	Color    string
}

// mark is a label on an axis.
type mark struct {
	At   float64
	Name string
}

// TextY returns the position of the text of a mark on a vertical axis.
func (m mark) TextY() float64 { return m.At + 4 }

// draw writes the chart of the drill.
func draw(out io.Writer, r Report) error {
	t := newTimeline(r)
	p := picture{
		Width: pictureWidth, Left: plotLeft, Right: plotRight, MarkX: plotLeft - 6,
		Title: "Drill: " + r.Drill.Name, Story: r.Drill.Description,
	}
	top := plotTop
	for _, next := range []struct {
		height int
		plot   func(timeline, int, int) plot
	}{{170, answersPlot}, {170, latencyPlot}, {100, kosPlot}, {90, goroutinesPlot}, {90, memoryPlot}} {
		p.Plots = append(p.Plots, next.plot(t, top, top+next.height))
		top += next.height + plotGap
	}
	p.TimesY = top - plotGap + 16
	p.Height = p.TimesY + 14
	p.Shades, p.Times = shades(r, t), times(r, t)
	return pictureTemplate.Execute(out, p)
}

// x returns the position of a time since the start.
func (t timeline) x(since time.Duration) float64 {
	return plotLeft + (plotRight-plotLeft)*float64(since)/float64(t.step*time.Duration(len(t.moments)))
}

func shades(r Report, t timeline) []shade {
	between := func(from, to time.Time, color string) shade {
		left := t.x(from.Sub(r.Began))
		return shade{left, t.x(to.Sub(r.Began)) - left, color}
	}
	all := []shade{between(r.Trouble, r.Over, "#fbe9e3")}
	if !r.Gap.IsZero() {
		all = append(all, between(r.Gap, r.Trouble, "#d8d8d8"))
	}
	return all
}

// times returns the marks of the time axis, relative to the start of the trouble.
func times(r Report, t timeline) []mark {
	whole, quiet := int(r.Ended.Sub(r.Began).Seconds()), int(r.Trouble.Sub(r.Began).Seconds())
	every := 5 // seconds
	for _, next := range []int{10, 20, 30, 60, 120, 300} {
		if whole/every > 14 {
			every = next
		}
	}
	var marks []mark
	for second := -quiet / every * every; quiet+second <= whole; second += every {
		at := r.Trouble.Add(time.Duration(second) * time.Second).Sub(r.Began)
		marks = append(marks, mark{t.x(at), fmt.Sprintf("%d s", second)})
	}
	return marks
}
