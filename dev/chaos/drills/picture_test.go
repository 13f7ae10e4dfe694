package drills

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	if line.step != time.Second || len(line.moments) != 4 {
		t.Fatalf("%d moments of %s", len(line.moments), line.step)
	}
	first, second := line.moments[0], line.moments[1]
	if first.got[fresh] != 1 || first.got[stale] != 1 || first.median != 10*time.Millisecond || first.slowest != 0 {
		t.Errorf("the first second: %+v", first)
	}
	if second.got[fresh] != 1 || second.got[waiting] != 1 || second.got[queued] != 1 || second.slowest != 1500*time.Millisecond {
		t.Errorf("the next second: %+v", second)
	}
	if line.moments[3].got[fresh] != 1 {
		t.Error("what comes late is lost")
	}
	for _, kind := range reactions {
		if first.kos[kind] != 1 {
			t.Errorf("%s: %v calls", kind, first.kos[kind])
		}
	}
	if first.goroutines != 10 || first.memory != 2 {
		t.Errorf("at most %v goroutines, %v MB", first.goroutines, first.memory)
	}
}

func TestLongDrillHasLongerMoments(t *testing.T) {
	t.Parallel()
	r := Report{Began: began, Ended: began.Add(14 * time.Minute), Regulars: []traffic.Call{regular(began, fresh)}}
	line := newTimeline(r)
	if line.step != 2*time.Second || len(line.moments) != 420 {
		t.Errorf("%d moments of %s", len(line.moments), line.step)
	}
	if got := line.moments[0].got[fresh]; got != 0.5 {
		t.Errorf("%v answers a second", got)
	}
}

// TestPictureIsWellFormed checks a picture with all elements and one with few.
func TestPictureIsWellFormed(t *testing.T) {
	t.Parallel()
	full := healthy()
	full.Gap, full.Drill.Description = struck.Add(-4*time.Second), "a < b & c"
	empty := Report{Began: began, Trouble: began, Over: began, Ended: began}
	for name, r := range map[string]Report{"full": full, "empty": empty} {
		var out bytes.Buffer
		if err := draw(&out, r); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range []string{"NaN", "Inf", "<no value>", "%!"} {
			if strings.Contains(out.String(), wrong) {
				t.Errorf("%s has %s", name, wrong)
			}
		}
		if name == "full" {
			for _, part := range []string{"a &lt; b", "#fbe9e3", "#d8d8d8", ">stale<", ">429<", ">99th percentile<", ">-30 s<"} {
				if !strings.Contains(out.String(), part) {
					t.Errorf("%s has no %s", name, part)
				}
			}
		}
		read := xml.NewDecoder(&out)
		for {
			_, err := read.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

func TestReportIsSaved(t *testing.T) {
	t.Parallel()
	r := healthy()
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
		"# Drill: healthy", "(healthy.svg)", "| **no** | newcomers without a bill at the end: 1 of 2 |",
		"| trouble | 1m0s | 600 | 11 | 589 | 0 | 10ms |",
	} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the report has no %q:\n%s", part, text)
		}
	}
	if _, err := os.Stat(strings.TrimSuffix(path, ".md") + ".svg"); err != nil {
		t.Error(err)
	}
	if row := r.TableRow(); strings.Count(row, "|") != strings.Count(strings.SplitN(TableHead, "\n", 2)[0], "|") ||
		!strings.Contains(row, "| +10s | **no** |") {
		t.Errorf("the row is %s", row)
	}
}
