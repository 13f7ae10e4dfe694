package drills

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"github.com/phonebill/phonebill/dev/internal/traffic"
)

//go:embed report.md.tmpl
var reportSource string

var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{"short": short}).Parse(reportSource))

// Save writes the report and its chart into a folder, and returns the path of the report.
func (r Report) Save(dir string) (path string, err error) {
	var text, drawn bytes.Buffer
	if err := reportTemplate.Execute(&text, r); err != nil {
		return "", err
	}
	if err := draw(&drawn, r); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	path = filepath.Join(dir, r.Drill.Name+".md")
	for file, content := range map[string][]byte{path: text.Bytes(), filepath.Join(dir, r.Drill.Name+".svg"): drawn.Bytes()} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return "", err
		}
	}
	return path, nil
}

// Phase is a phase of a drill in figures.
type Phase struct {
	Name                  string
	Lasted                time.Duration
	Asked                 int // by regulars
	Answers               map[string]int
	Median, Tail, Slowest time.Duration // of regulars' calls; Tail is the 99th percentile
	Newcomers             map[string]int
	NewcomersSlowest      time.Duration
	Calls, Throttled      int // calls that reached KOS, and 429 answers
	Goroutines            int // maximum
	Memory                float64
}

// Phases returns the phases in order, for the report.
func (r Report) Phases() []Phase {
	return []Phase{
		r.phase("before", r.quiet(), r.quiet().to.Sub(r.Began)),
		r.phase("trouble", r.trouble(), r.Over.Sub(r.Trouble)),
		r.phase("after", r.recovery(), r.Ended.Sub(r.Over)),
	}
}

func (r Report) phase(name string, in span, lasted time.Duration) Phase {
	regulars, newcomers := r.regulars(in), r.newcomers(in, true)
	p := Phase{
		Name: name, Lasted: lasted.Round(time.Second), Asked: len(regulars),
		Answers: map[string]int{}, Newcomers: map[string]int{},
		Median: traffic.Median(regulars), Tail: traffic.Quantile(regulars, 0.99), Slowest: slowest(regulars).Took,
		NewcomersSlowest: slowest(newcomers).Took,
		Calls:            r.calls(in, 0), Throttled: r.calls(in, http.StatusTooManyRequests),
	}
	p.Goroutines, p.Memory = r.peak(in)
	for _, call := range regulars {
		p.Answers[call.Got]++
	}
	for _, call := range newcomers {
		p.Newcomers[call.Got]++
	}
	return p
}

// Lost returns the number of regulars' calls without an answer.
func (p Phase) Lost() int { return p.Asked - p.Answers[fresh] - p.Answers[stale] }

// Served returns the number of newcomers' calls that returned a bill.
func (p Phase) Served() int { return p.Newcomers[fresh] + p.Newcomers[stale] }

// LastServed returns how long after the start of the trouble the last newcomer had a bill.
func (r Report) LastServed() time.Duration { return r.lastServed() }

// TableHead is the head of the table of drills.
const TableHead = `| trouble | lasted | regular answers | failed | stale | median before / during | p99 before / during | newcomers | their slowest answer | calls of KOS before / during | refused by KOS | stale until | holds |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|`

// TableRow returns the report as a row of a Markdown table.
func (r Report) TableRow() string {
	before, during := r.phase("", r.quiet(), 0), r.phase("", r.trouble(), 0)
	holds := "yes"
	if len(r.Faults()) > 0 {
		holds = "**no**"
	}
	return fmt.Sprintf("| [%s](pictures/%s.svg) | %s | %d | %d | %d | %s / %s | %s / %s | %d | %s | %d / %d | %d | %s | %s |",
		r.Drill.Name, r.Drill.Name, r.Over.Sub(r.Trouble).Round(time.Second), len(r.Regulars),
		len(got(r.Regulars, waiting, refused, failed)), len(got(r.Regulars, stale)),
		short(before.Median), short(during.Median), short(before.Tail), short(during.Tail),
		len(r.Newcomers), short(slowest(r.newcomers(r.whole(), true)).Took), before.Calls, during.Calls,
		r.calls(r.whole(), http.StatusTooManyRequests), r.oldUntil(), holds)
}

// oldUntil returns how long after the trouble stale answers were given.
func (r Report) oldUntil() string {
	last := lastStale(r.Regulars)
	switch {
	case last.IsZero():
		return "none"
	case last.Before(r.Over):
		return "its end"
	}
	return "+" + last.Sub(r.Over).Round(time.Second).String()
}
