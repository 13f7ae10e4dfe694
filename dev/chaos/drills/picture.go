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

// Measures of the picture, in pixels.
const (
	pictureWidth = 980
	plotLeft     = 64
	plotRight    = 964
	plotTop      = 84
	plotGap      = 46 // between plots; has the next one's title
)

// picture is what the template draws.
type picture struct {
	Width, Height, Left, Right int
	MarkX, TimesY              int
	Title, Story               string
	Shades                     []shade
	Plots                      []plot
	Times                      []mark // of the time axis
}

// shade is a time that stands out.
type shade struct {
	X, Width float64
	Color    string
}

// mark is a label on an axis.
type mark struct {
	At   float64
	Name string
}

// TextY is where a mark of a vertical axis has its text.
func (m mark) TextY() float64 { return m.At + 4 }

// draw writes the drill's picture.
func draw(out io.Writer, r Report) error {
	t := newTimeline(r)
	p := picture{
		Width: pictureWidth, Left: plotLeft, Right: plotRight, MarkX: plotLeft - 6,
		Title: "Drill: " + r.Drill.Name, Story: r.Drill.Story,
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

// x returns where a time since the beginning is.
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

// times marks the time axis, which counts from the beginning of the trouble.
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
