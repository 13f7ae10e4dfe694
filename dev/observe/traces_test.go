package observe

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// sample is a span. Times are milliseconds since 1970.
type sample struct {
	service, trace, id, parent string
	begin, end                 int64
	code                       int
}

// line returns the export of a span, as the collector's file exporter writes it.
func (s sample) line() string {
	return fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":%q}}]},"scopeSpans":[{"scope":{},`+
		`"spans":[{"traceId":%q,"spanId":%q,"parentSpanId":%q,"name":"GET /x","startTimeUnixNano":"%d","endTimeUnixNano":"%d","status":{"code":%d}}]}]}]}`,
		s.service, s.trace, s.id, s.parent, s.begin*1e6, s.end*1e6, s.code)
}

func write(t *testing.T, lines ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "traces.jsonl")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTracesAreTreesAndTheLatestComesFirst(t *testing.T) {
	t.Parallel()
	got, err := readTraces(write(t,
		`its":1}]}`, // the end of a line that is longer than what is read
		sample{"kos", "01", "c", "b", 1030, 1040, 2}.line(),
		sample{"bill", "01", "b", "a", 1020, 1050, 0}.line(),
		sample{"portal", "01", "a", "outside", 1000, 1100, 0}.line(),
		sample{"bill", "01", "d", "a", 1060, 1090, 0}.line(),
		sample{"auth", "02", "e", "", 2000, 2001, 0}.line(),
		`{"resourceSpans":[{"resou`, // still being written
	))
	want := []Trace{
		{ID: "02", Start: time.UnixMilli(2000), Took: 1, Spans: []Span{{Name: "GET /x", Service: "auth", Took: 1}}},
		{ID: "01", Start: time.UnixMilli(1000), Took: 100, Failed: true, Spans: []Span{
			{Name: "GET /x", Service: "portal", Took: 100},
			{Name: "GET /x", Service: "bill", Begin: 20, Took: 30, Depth: 1},
			{Name: "GET /x", Service: "kos", Begin: 30, Took: 10, Depth: 2, Failed: true},
			{Name: "GET /x", Service: "bill", Begin: 60, Took: 30, Depth: 1},
		}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Span{})); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestTracesAreBounded(t *testing.T) {
	t.Parallel()
	var lines []string
	for n := range int64(maxSpans + 50) {
		lines = append(lines, sample{"bill", "01", fmt.Sprint("s", n), "", 1000 + n, 2000, 0}.line())
		lines = append(lines, sample{"bill", fmt.Sprint("t", n), "x", "", 5000 + n, 6000, 0}.line())
	}
	got, err := readTraces(write(t, lines...))
	if err != nil || len(got) != shownTraces {
		t.Errorf("%d traces, %v", len(got), err)
	}
	got, err = readTraces(write(t, lines[0], lines[2]))
	if err != nil || len(got) != 1 || len(got[0].Spans) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNoTraceYet(t *testing.T) {
	t.Parallel()
	got, err := readTraces(filepath.Join(t.TempDir(), "traces.jsonl"))
	if err != nil || got != nil {
		t.Errorf("%v, %v", got, err)
	}
}

// TestSpansThatAreTheirOwnAncestorsEnd: a cycle of parents is not reachable from a root.
func TestSpansThatAreTheirOwnAncestorsEnd(t *testing.T) {
	t.Parallel()
	got, err := readTraces(write(t, sample{"bill", "01", "a", "b", 1000, 1001, 0}.line(), sample{"bill", "01", "b", "a", 1000, 1001, 0}.line()))
	if err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
