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

// Report is what became of a run.
type Report struct {
	Kills, Pauses int
	Fell          []system.Role // parts that ended by themselves, each time

	Wishes     int
	Accepted   int // rows
	Completed  int
	Failed     int // refused by KOS
	Refused    int // not accepted
	Unanswered int // neither accepted nor refused, as far as the customer knows
	Orders     int // in KOS's log

	Findings []Finding
	Answers  map[string]int // how customers' calls ended, how often
	// Settled is how long after the last recovery the last accepted change was
	// final.
	Settled time.Duration
	Took    time.Duration
}

func newReport(truths Truths, ready time.Time) Report {
	report := Report{
		Wishes: len(truths.Told), Accepted: len(truths.Rows), Orders: len(truths.Orders),
		Findings: Compare(truths), Settled: settled(truths.Rows, ready),
	}
	for _, row := range truths.Rows {
		switch row.Status {
		case api.Completed:
			report.Completed++
		case api.Failed:
			report.Failed++
		}
	}
	for _, told := range truths.Told {
		switch {
		case told.Refusal != "":
			report.Refused++
		case len(told.Answers) == 0:
			report.Unanswered++
		}
	}
	return report
}

// count returns how many findings are of a kind.
func (r Report) count(kind Kind) int {
	n := 0
	for _, finding := range r.Findings {
		if finding.Kind == kind {
			n++
		}
	}
	return n
}

// Faults returns everything that must not be, for people; none if the system
// has kept its promise.
func (r Report) Faults() []string {
	var faults []string
	for _, finding := range r.Findings {
		faults = append(faults, string(finding.Kind)+": "+finding.What)
	}
	if r.Settled > patience {
		faults = append(faults, fmt.Sprintf("the last change became final %s after the last recovery", r.Settled))
	}
	// Customers know their plans: whoever is refused was told something wrong.
	if r.Refused > 0 {
		faults = append(faults, fmt.Sprintf("%d changes were refused", r.Refused))
	}
	if r.Unanswered > 0 {
		faults = append(faults, fmt.Sprintf("%d customers never got an answer", r.Unanswered))
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Answers)) {
		if strings.Contains(kind, ": 500") { // what is away for a while is 502 or 503
			faults = append(faults, fmt.Sprintf("%d answers were faults of ours: %s", r.Answers[kind], kind))
		}
	}
	return faults
}

// TableHead heads the rows of the table.
const TableHead = `| seed | changes | kills | pauses | completed | failed | repeated | lost | twice | disagreeing | last one final after | took |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|`

// TableRow returns the report as a row of a Markdown table.
func (r Report) TableRow(seed uint64) string {
	return fmt.Sprintf("| %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %s | %s |",
		seed, r.Accepted, r.Kills, r.Pauses, r.Completed, r.Failed, r.repeated(),
		r.count(Lost), r.count(Doubled), r.count(Disagreeing),
		r.Settled.Round(100*time.Millisecond), r.Took.Round(time.Second))
}

// repeated returns how often customers had to ask again.
func (r Report) repeated() int {
	asked := 0
	for kind, n := range r.Answers {
		if strings.HasPrefix(kind, "ask: ") {
			asked += n
		}
	}
	return asked - r.Wishes
}

// String tells all of it, for people.
func (r Report) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%d changes accepted: %d completed, %d failed; KOS has %d orders; %d refused, %d unanswered\n",
		r.Accepted, r.Completed, r.Failed, r.Orders, r.Refused, r.Unanswered)
	fmt.Fprintf(&out, "%d kills, %d pauses; ended by themselves: %v\n", r.Kills, r.Pauses, r.Fell)
	for _, kind := range slices.Sorted(maps.Keys(r.Answers)) {
		fmt.Fprintf(&out, "%6d  %s\n", r.Answers[kind], kind)
	}
	return out.String()
}
