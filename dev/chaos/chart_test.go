package chaos

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/traffic"
)

func TestTimelineCountsAndMeasures(t *testing.T) {
	t.Parallel()
	r := Report{
		Began: began, Trouble: began.Add(2 * time.Second), Over: began.Add(3 * time.Second), Ended: began.Add(4 * time.Second),
		Regulars: []traffic.Call{
			regular(began.Add(100*time.Millisecond), fresh), regular(began.Add(200*time.Millisecond), stale),
			regular(began.Add(999*time.Millisecond), fresh), // its answer arrives a second later
			regular(began.Add(time.Hour), fresh),
		},
		Newcomers: []Newcomer{{Visits: []traffic.Call{
			visit(began, waiting, 1500*time.Millisecond), {Start: began.Add(time.Second), Asked: progress, Got: waiting},
		}}},
		KOS:    []KOSCall{{began, kos.BillInquiry, 200}, {began, kos.BillInquiry, 429}, {began, kos.BillInquiry, 0}, {began, kos.BillInquiry, 503}},
		Gauges: []Gauge{{began, 10, 1 << 20}, {began.Add(time.Millisecond), 7, 2 << 20}},
	}
	line := newTimeline(r)
	want := map[string][]float64{
		fresh: {1, 1, 0, 1}, // what comes late belongs to the last second
		stale: {1, 0, 0, 0}, waiting: {0, 1, 0, 0}, queued: {0, 1, 0, 0},
		median: {0.01, 0.01, 0, 0.01}, tail: {0.01, 0.01, 0, 0.01}, newcomer: {0, 1.5, 0, 0},
		answered: {1, 0, 0, 0}, throttled: {1, 0, 0, 0}, unanswered: {1, 0, 0, 0}, broken: {1, 0, 0, 0},
		routines: {10, 0, 0, 0}, megabyte: {2, 0, 0, 0},
	}
	if diff := cmp.Diff(want, line.series); diff != "" || line.step != time.Second {
		t.Errorf("steps of %s (-want +got):\n%s", line.step, diff)
	}
}

func TestLongDrillHasLongerSteps(t *testing.T) {
	t.Parallel()
	r := Report{Began: began, Ended: began.Add(14 * time.Minute), Regulars: []traffic.Call{regular(began, fresh)}}
	line := newTimeline(r)
	if line.step != 2*time.Second || line.steps != 420 {
		t.Errorf("%d steps of %s", line.steps, line.step)
	}
	if got := line.series[fresh][0]; got != 0.5 {
		t.Errorf("%v answers a second", got)
	}
}

// TestChartIsWellFormed checks a chart with all series and one with few.
func TestChartIsWellFormed(t *testing.T) {
	t.Parallel()
	empty := Report{Began: began, Trouble: began, Over: began, Ended: began}
	for name, r := range map[string]Report{"full": healthyDrill(), "empty": empty} {
		t.Run(name, func(t *testing.T) {
			drawn, err := chart(r)
			if err != nil {
				t.Fatal(err)
			}
			for _, wrong := range []string{"NaN", "Inf", "%!"} {
				if strings.Contains(string(drawn), wrong) {
					t.Errorf("it has %s", wrong)
				}
			}
			if name == "full" {
				for _, part := range []string{">stale<", ">429<", ">99th percentile<", ">-30 s<", ">10ms<", "memory of bill-inquiry-service"} {
					if !strings.Contains(string(drawn), part) {
						t.Errorf("it has no %s", part)
					}
				}
			}
			if err := xml.Unmarshal(drawn, new(struct{})); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReportIsSaved(t *testing.T) {
	t.Parallel()
	r := healthyDrill()
	r.Newcomers[0].Served = time.Time{}
	path, err := r.Save(filepath.Join(t.TempDir(), "new"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"# healthy", "(healthy.svg)", "| **no** | newcomers without a bill at the end: 1 of 2 |",
		"| trouble | 1m0s | 600 | 11 | 589 | 0 | 10ms |",
	} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the report has no %q:\n%s", part, text)
		}
	}
	if _, err := os.Stat(strings.TrimSuffix(path, ".md") + ".svg"); err != nil {
		t.Error(err)
	}
	rows := strings.Split(r.Table(), "\n")
	if len(rows) != 3 || strings.Count(rows[0], "|") != strings.Count(rows[2], "|") || !strings.Contains(rows[2], "| +10s | **no** |") {
		t.Errorf("the table is %s", r.Table())
	}
}
