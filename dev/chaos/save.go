package chaos

import (
	"bytes"
	_ "embed"
	"errors"
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

// Table returns the report as a Markdown table.
func (r Report) Table() string { return r.Scenario.table(r) }

// Save writes the report and, if there were regulars, its chart into a folder, and returns the path
// of the report.
func (r Report) Save(dir string) (path string, err error) {
	var text bytes.Buffer
	if err := reportTemplate.Execute(&text, r); err != nil {
		return "", err
	}
	path = filepath.Join(dir, r.Scenario.Name+".md")
	if err := errors.Join(os.MkdirAll(dir, 0o750), os.WriteFile(path, text.Bytes(), 0o600)); err != nil || len(r.Regulars) == 0 {
		return path, err
	}
	drawn, err := chart(r)
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(filepath.Join(dir, r.Scenario.Name+".svg"), drawn, 0o600)
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
		r.phase("before", r.quiet()), r.phase("trouble", r.trouble()), r.phase("after", r.recovery()),
	}
}

func (r Report) phase(name string, in span) Phase {
	regulars, newcomers := r.regulars(in), r.newcomers(in, true)
	p := Phase{
		Name: name, Lasted: min(in.to.Sub(in.from), r.Ended.Sub(in.from)).Round(time.Second), Asked: len(regulars),
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
