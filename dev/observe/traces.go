package observe

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"time"
)

// Trace is a trace as the page shows it. Times are milliseconds.
type Trace struct {
	ID     string    `json:"id"`
	Start  time.Time `json:"start"`
	Took   float64   `json:"took"`
	Failed bool      `json:"failed"`
	Spans  []Span    `json:"spans"`
}

// Span is a span of a trace. Depth is the number of its ancestors in the trace.
type Span struct {
	Name    string  `json:"name"`
	Service string  `json:"service"`
	Begin   float64 `json:"begin"` // after the start of the trace
	Took    float64 `json:"took"`
	Failed  bool    `json:"failed"`
	Depth   int     `json:"depth"`

	id, parent string
	start      time.Time
}

const (
	shownTraces = 30
	// readBytes is how much of the end of the file is read. It bounds the time of a request.
	readBytes = 2 << 20
	maxSpans  = 200 // of a trace
)

// export is the part of an OTLP request in JSON that the page needs.
type export struct {
	ResourceSpans []struct {
		Resource struct {
			Attributes []struct {
				Key   string `json:"key"`
				Value struct {
					Text string `json:"stringValue"`
				} `json:"value"`
			} `json:"attributes"`
		} `json:"resource"`
		ScopeSpans []struct {
			Spans []struct {
				TraceID string `json:"traceId"`
				SpanID  string `json:"spanId"`
				Parent  string `json:"parentSpanId"`
				Name    string `json:"name"`
				Start   string `json:"startTimeUnixNano"`
				End     string `json:"endTimeUnixNano"`
				Status  struct {
					Code int `json:"code"`
				} `json:"status"`
			} `json:"spans"`
		} `json:"scopeSpans"`
	} `json:"resourceSpans"`
}

// statusError is the code of a failed span in OTLP.
const statusError = 2

// readTraces returns the last traces of a file of the collector, the latest first.
func readTraces(path string) ([]Trace, error) {
	content, err := tail(path, readBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no trace yet
	}
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*Trace)
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, readBytes+1)
	for lines.Scan() {
		var exported export
		if json.Unmarshal(lines.Bytes(), &exported) == nil { // the first and the last line may be incomplete
			collect(byID, exported)
		}
	}
	all := make([]Trace, 0, len(byID))
	for _, trace := range byID {
		if trace.arrange(); len(trace.Spans) > 0 {
			all = append(all, *trace)
		}
	}
	slices.SortFunc(all, func(a, b Trace) int { return b.Start.Compare(a.Start) })
	return all[:min(len(all), shownTraces)], lines.Err()
}

// tail returns at most the last n bytes of a file.
func tail(path string, n int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(file, max(0, info.Size()-n), n))
}

// collect adds the spans of an export to their traces.
func collect(byID map[string]*Trace, exported export) {
	for _, resource := range exported.ResourceSpans {
		var service string
		for _, attribute := range resource.Resource.Attributes {
			if attribute.Key == "service.name" {
				service = attribute.Value.Text
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				trace := byID[span.TraceID]
				if trace == nil {
					trace = &Trace{ID: span.TraceID}
					byID[span.TraceID] = trace
				}
				start := instant(span.Start)
				trace.Spans = append(trace.Spans, Span{
					Name: span.Name, Service: service, Failed: span.Status.Code == statusError,
					Took: milliseconds(instant(span.End).Sub(start)), id: span.SpanID, parent: span.Parent, start: start,
				})
			}
		}
	}
}

func instant(nanoseconds string) time.Time {
	n, _ := strconv.ParseInt(nanoseconds, 10, 64) // the collector writes numbers
	return time.Unix(0, n)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// arrange sorts the spans by their place in the tree, and computes what the whole trace has. Spans
// that no root leads to are left out.
func (t *Trace) arrange() {
	slices.SortFunc(t.Spans, func(a, b Span) int { return cmp.Or(a.start.Compare(b.start), cmp.Compare(b.Took, a.Took)) })
	t.Start = t.Spans[0].start
	children := make(map[string][]Span)
	known := make(map[string]bool)
	for _, span := range t.Spans {
		known[span.id] = true
	}
	for _, span := range t.Spans {
		parent := span.parent
		if !known[parent] {
			parent = "" // the span of the caller, who is outside, or which was not sampled
		}
		span.Begin = milliseconds(span.start.Sub(t.Start))
		t.Took = max(t.Took, span.Begin+span.Took)
		t.Failed = t.Failed || span.Failed
		children[parent] = append(children[parent], span)
	}
	t.Spans = t.Spans[:0:0]
	t.add(children, "", 0)
}

// add appends the descendants of a span, each parent before its children.
func (t *Trace) add(children map[string][]Span, parent string, depth int) {
	for _, span := range children[parent] {
		if len(t.Spans) == maxSpans {
			return
		}
		span.Depth = depth
		t.Spans = append(t.Spans, span)
		t.add(children, span.id, depth+1)
	}
}
