package load

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/stage"
	"github.com/phonebill/phonebill/dev/system"
)

// Generator is the role of the process that runs the load.
const Generator system.Role = "generator"

// Report is the result of a scenario.
type Report struct {
	Name, Description string
	Users             int
	Setting           Setting
	Rounds            []RoundReport
	KOS               []Calls
	// Repeated is how many inquiries about a line KOS has answered after the first one, to any
	// service.
	Repeated int
}

// RoundReport is the result of a round.
type RoundReport struct {
	Name      string
	Seconds   float64
	Requests  int
	PerSecond float64
	P95       float64 // ms, of all answers
	Steps     []StepReport
	Parts     []PartReport

	histograms map[Step]*hdrhistogram.Histogram
}

// StepReport is the result of a step.
type StepReport struct {
	Step    Step
	Answers Quantiles // of each request, from the time at which it was due
	Waits   Quantiles // until the step was done, with all repetitions
	Kinds   map[string]int
	// Refused counts answers with Retry-After, Failed steps without success, Abandoned steps that
	// were not done at the end.
	Refused, Failed, Abandoned int
}

// Quantiles describe a distribution of times, in milliseconds.
type Quantiles struct {
	Count                       int64
	P50, P90, P95, P99, Longest float64
}

// PartReport is what a part has used in a round.
type PartReport struct {
	Role       system.Role
	CPU        float64 // seconds
	PerRequest float64 // CPU in µs
	// Memory is in MB. Growth is the slope in the second half of the round, in MB an hour; it says
	// something in rounds of minutes only.
	Memory, Goroutines Range
	Growth             float64
}

// Range are the first, the last and the highest reading.
type Range struct{ First, Last, Most float64 }

// Calls are the calls that KOS has answered with a status.
type Calls struct {
	Endpoint, Client string
	Status, Calls    int
	Lines            int // different ones
	Most             int // calls about one line
}

const readCalls = `
SELECT endpoint, client, status, sum(n)::int, count(*)::int, max(n)::int
FROM (SELECT endpoint, client, coalesce(status, 0)::int AS status, line, count(*)::int AS n FROM kos_call
      WHERE endpoint <> 'auth' GROUP BY 1, 2, 3, 4) AS by_line
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`

const readRepeated = `
SELECT coalesce(sum(n - 1), 0)::int
FROM (SELECT count(*) AS n FROM kos_call WHERE endpoint = 'product-inquiry' AND status = 200 AND line <> '' GROUP BY line) AS by_line`

// readKOS reads KOS's own log.
func (r *run) readKOS(ctx context.Context) (err error) {
	if r.report.KOS, err = stage.Query[Calls](ctx, r.Stage, "kos_mock", readCalls); err != nil {
		return err
	}
	repeated, err := stage.Query[struct{ Calls int }](ctx, r.Stage, "kos_mock", readRepeated)
	if err == nil {
		r.report.Repeated = repeated[0].Calls
	}
	return err
}

func newRoundReport(round Round, took time.Duration, m *meter, samples []sample) RoundReport {
	report := RoundReport{Name: round.Name, Seconds: took.Seconds(), histograms: map[Step]*hdrhistogram.Histogram{}}
	for step, t := range m.steps {
		report.Steps = append(report.Steps, StepReport{
			Step: step, Answers: quantiles(t.answers), Waits: quantiles(t.waits), Kinds: t.kinds,
			Refused: t.refused, Failed: t.failed, Abandoned: t.abandoned,
		})
		report.Requests += int(t.answers.TotalCount())
		report.histograms[step] = t.answers
	}
	slices.SortFunc(report.Steps, func(a, b StepReport) int { return strings.Compare(string(a.Step), string(b.Step)) })
	report.PerSecond, report.P95 = float64(report.Requests)/report.Seconds, quantiles(report.whole()).P95
	for role := range samples[0].parts {
		report.Parts = append(report.Parts, newPartReport(role, samples, report.Requests))
	}
	slices.SortFunc(report.Parts, func(a, b PartReport) int { return cmp.Compare(b.CPU, a.CPU) })
	return report
}

func quantiles(h *hdrhistogram.Histogram) Quantiles {
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1e3 }
	return Quantiles{h.TotalCount(), at(50), at(90), at(95), at(99), float64(h.Max()) / 1e3}
}

func newPartReport(role system.Role, samples []sample, requests int) PartReport {
	var memory, goroutines, times []float64
	for _, s := range samples {
		if usage, ok := s.parts[role]; ok {
			memory = append(memory, float64(usage.Memory)/1e6)
			goroutines = append(goroutines, float64(usage.Goroutines))
			times = append(times, s.at.Sub(samples[0].at).Hours())
		}
	}
	last, half := samples[len(samples)-1], len(memory)/2
	part := PartReport{Role: role, CPU: (last.parts[role].CPU - samples[0].parts[role].CPU).Seconds()}
	part.PerRequest = 1e6 * part.CPU / float64(max(1, requests))
	part.Memory, part.Goroutines = newRange(memory), newRange(goroutines)
	part.Growth = slope(times[half:], memory[half:])
	return part
}

func newRange(values []float64) Range {
	return Range{values[0], values[len(values)-1], slices.Max(values)}
}

// slope returns the slope of the least-squares line.
func slope(x, y []float64) float64 {
	var sx, sy, sxx, sxy float64
	n := float64(len(x))
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	if d := n*sxx - sx*sx; d > 0 {
		return (n*sxy - sx*sy) / d
	}
	return 0
}

func ownUsage() system.Usage {
	self, err := proc.Get(os.Getpid())
	if err != nil {
		return system.Usage{}
	}
	cpu, memory, _ := self.Usage()
	return system.Usage{CPU: cpu, Memory: memory}
}

// Faults returns what does not hold.
func (r Report) Faults(b Bounds) (faults []string) {
	for _, round := range r.Rounds {
		for _, step := range round.Steps {
			if step.Failed+step.Abandoned > 0 {
				faults = append(faults, fmt.Sprintf("%s: %d × %s failed and %d were not done at the end: %s",
					round.Name, step.Failed, step.Step, step.Abandoned, describe(step.Kinds)))
			}
		}
	}
	for _, step := range r.Rounds[len(r.Rounds)-1].Steps {
		if b.NoRefusals && step.Refused > 0 {
			faults = append(faults, fmt.Sprintf("%d × %s were refused at the end: %s", step.Refused, step.Step, describe(step.Kinds)))
		}
		if _, stale := step.Kinds[staleAnswer]; b.Stale && (!stale || len(step.Kinds) > 1) {
			faults = append(faults, fmt.Sprintf("%s was not always stale: %s", step.Step, describe(step.Kinds)))
		}
	}
	if b.Once && r.Repeated > 0 {
		faults = append(faults, fmt.Sprintf("KOS has answered %d inquiries about lines that it had answered before", r.Repeated))
	}
	return faults
}

// String returns the report as text.
func (r Report) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s\n%d users. %s\n", r.Name, r.Description, r.Users, r.Setting)
	for _, round := range r.Rounds {
		fmt.Fprintf(&text, "\n%s: %d requests in %.1f s, %.0f/s\n", round.Name, round.Requests, round.Seconds, round.PerSecond)
		round.write(&text)
	}
	r.writeComparisons(&text)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "\nKOS\tclient\tstatus\tcalls\tlines\tof one line\t")
	for _, c := range r.KOS {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t\n", c.Endpoint, c.Client, c.Status, c.Calls, c.Lines, c.Most)
	}
	_ = table.Flush()
	fmt.Fprintf(&text, "Inquiries about a line that KOS had answered before, to any service: %d\n", r.Repeated)
	return text.String()
}

func (round RoundReport) write(text *strings.Builder) {
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "ms\trequests\tp50\tp90\tp95\tp99\tlongest\tdone: p50\tp99\tlongest\trefused\tfailed\tnot done\t  answers")
	for _, s := range round.Steps {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.0f\t%.1f\t%.1f\t%.0f\t%d\t%d\t%d\t  %s\n", s.Step, s.Answers.Count,
			s.Answers.P50, s.Answers.P90, s.Answers.P95, s.Answers.P99, s.Answers.Longest,
			s.Waits.P50, s.Waits.P99, s.Waits.Longest, s.Refused, s.Failed, s.Abandoned, describe(s.Kinds))
	}
	if whole := round.whole(); whole.TotalCount() > 0 {
		q := quantiles(whole)
		_, _ = fmt.Fprintf(table, "all\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.0f\t\n", q.Count, q.P50, q.P90, q.P95, q.P99, q.Longest)
	}
	_, _ = fmt.Fprintln(table, "\nCPU\ts\tµs/request\tMB first\tlast\tmost\tMB/h\tgoroutines\tlast\tmost\t")
	for _, p := range round.Parts {
		_, _ = fmt.Fprintf(table, "%s\t%.1f\t%.0f\t%.0f\t%.0f\t%.0f\t%.1f\t%.0f\t%.0f\t%.0f\t\n", p.Role, p.CPU, p.PerRequest,
			p.Memory.First, p.Memory.Last, p.Memory.Most, p.Growth, p.Goroutines.First, p.Goroutines.Last, p.Goroutines.Most)
	}
	_ = table.Flush()
}

// whole returns the distribution of all answers.
func (round RoundReport) whole() *hdrhistogram.Histogram {
	whole := newHistogram()
	for _, h := range maps.All(round.histograms) {
		whole.Merge(h)
	}
	return whole
}
