package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/system"
)

// Report is the result of a run.
type Report struct {
	Kills, Pauses int
	Crashed       []system.Role // parts that ended by themselves, each time

	Requests   int
	Accepted   int // number of rows
	Completed  int
	Failed     int // refused by KOS
	Refused    int // not accepted
	Unanswered int // neither accepted nor refused, as far as the customer knows
	Orders     int // in KOS's log

	Findings []Finding
	Answers  map[string]int // number of customers' calls by result
	// Settled is how long after the last recovery the last accepted change became final.
	Settled time.Duration
	Took    time.Duration
}

func newReport(records Records, ready time.Time) Report {
	report := Report{
		Requests: len(records.Observed), Accepted: len(records.Rows), Orders: len(records.Orders),
		Findings: Compare(records), Settled: settled(records.Rows, ready),
	}
	for _, row := range records.Rows {
		switch row.Status {
		case api.Completed:
			report.Completed++
		case api.Failed:
			report.Failed++
		}
	}
	for _, observed := range records.Observed {
		switch {
		case observed.Refusal != "":
			report.Refused++
		case len(observed.Answers) == 0:
			report.Unanswered++
		}
	}
	return report
}

// count returns the number of findings of a kind.
func (r Report) count(kind Kind) int {
	n := 0
	for _, finding := range r.Findings {
		if finding.Kind == kind {
			n++
		}
	}
	return n
}

// Faults returns the violated requirements; none if the guarantee holds.
func (r Report) Faults() []string {
	var faults []string
	for _, finding := range r.Findings {
		faults = append(faults, string(finding.Kind)+": "+finding.What)
	}
	if r.Settled > settleTimeout {
		faults = append(faults, fmt.Sprintf("the last change became final %s after the last recovery", r.Settled))
	}
	// Customers know their plans, so a refusal means that they got wrong data.
	if r.Refused > 0 {
		faults = append(faults, fmt.Sprintf("%d changes were refused", r.Refused))
	}
	if r.Unanswered > 0 {
		faults = append(faults, fmt.Sprintf("%d changes were never answered", r.Unanswered))
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Answers)) {
		if strings.Contains(kind, ": 500") { // an unavailable part is 502 or 503
			faults = append(faults, fmt.Sprintf("%d answers were internal errors: %s", r.Answers[kind], kind))
		}
	}
	return faults
}

// TableHead is the head of the table of runs.
const TableHead = `| seed | changes | kills | pauses | completed | failed | repeated | lost | twice | disagreeing | last one final after | took |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|`

// TableRow returns the report as a row of a Markdown table.
func (r Report) TableRow(seed uint64) string {
	return fmt.Sprintf("| %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %s | %s |",
		seed, r.Accepted, r.Kills, r.Pauses, r.Completed, r.Failed, r.repeated(),
		r.count(Lost), r.count(Doubled), r.count(Disagreeing),
		r.Settled.Round(100*time.Millisecond), r.Took.Round(time.Second))
}

// repeated returns the number of retries.
func (r Report) repeated() int {
	asked := 0
	for kind, n := range r.Answers {
		if strings.HasPrefix(kind, "ask: ") {
			asked += n
		}
	}
	return asked - r.Requests
}

// String formats the whole report.
func (r Report) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%d changes accepted: %d completed, %d failed; KOS has %d orders; %d refused, %d unanswered\n",
		r.Accepted, r.Completed, r.Failed, r.Orders, r.Refused, r.Unanswered)
	fmt.Fprintf(&out, "%d kills, %d pauses; ended by themselves: %v\n", r.Kills, r.Pauses, r.Crashed)
	for _, kind := range slices.Sorted(maps.Keys(r.Answers)) {
		fmt.Fprintf(&out, "%6d  %s\n", r.Answers[kind], kind)
	}
	return out.String()
}
