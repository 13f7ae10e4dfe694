package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/system"
)

// logLines returns an app's log records. In the files of the Dapr CLI they have a prefix; other
// lines are the CLI's own.
func logLines(app system.Role) ([][]byte, error) {
	var lines [][]byte
	for _, path := range whole.parts.Logs(app) {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		// An incomplete last line is still being written.
		content = content[:bytes.LastIndexByte(content, '\n')+1]
		mark := []byte("")
		if strings.Contains(filepath.Base(path), "_app_") {
			mark = []byte("== APP - " + string(app) + " == ")
		}
		for line := range bytes.Lines(content) {
			if line, marked := bytes.CutPrefix(line, mark); marked {
				lines = append(lines, bytes.TrimSpace(line))
			}
		}
	}
	return lines, nil
}

// record is the tested part of a log record.
type record struct {
	Time, Level, Msg, Service string

	TraceID string `json:"trace_id"`
	Route   string
	Status  int
}

// records returns an app's request records of a trace.
func records(app system.Role, trace string) ([]record, error) {
	lines, err := logLines(app)
	var found []record
	for _, line := range lines {
		var r record
		if json.Unmarshal(line, &r) == nil && r.TraceID == trace && r.Msg == "request" {
			found = append(found, r)
		}
	}
	return found, err
}

func TestOneRecordPerRequest(t *testing.T) {
	t.Parallel()
	singly(t)
	c := subscriber(t)
	inquiry := func(month string) api.Request {
		return api.Request{Method: http.MethodPost, Path: "/api/v1/bills/inquiry", Body: map[string]string{"lineNumber": c.Line, "inquiryMonth": month}}
	}
	const route = "/api/v1/bills/inquiry"
	tests := map[string]struct {
		request api.Request
		want    map[system.Role]record
	}{
		"first": {inquiry(api.Month(1)), map[system.Role]record{
			bills: {Route: route, Status: 200}, kosMock: {Route: "/api/kos/bill-inquiry", Status: 200},
		}},
		"refused": {inquiry("2026-13"), map[system.Role]record{bills: {Route: route, Status: 400}}},
		"login": {api.Request{Method: http.MethodPost, Path: "/api/v1/auth/login", Body: map[string]string{"userId": c.UserID, "password": c.Password}},
			map[system.Role]record{auth: {Route: "/api/v1/auth/login", Status: 200}}},
		"by id": {api.Request{Method: http.MethodGet, Path: "/api/v1/users/" + c.UserID},
			map[system.Role]record{auth: {Route: "/api/v1/users/{userId}", Status: 200}}},
		"too large": {api.Request{Method: http.MethodPost, Path: route, Body: padded(serviceLimit + 1)},
			map[system.Role]record{bills: {Route: route, Status: 413}}},
		"no route": {api.Request{Method: http.MethodGet, Path: "/api/v1/bills/" + c.Line},
			map[system.Role]record{bills: {Route: "unmatched", Status: 404}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			trace := fmt.Sprintf("%016x%016x", rand.Uint64()|1, rand.Uint64())
			test.request.Header = map[string]string{"traceparent": "00-" + trace + "-00f067aa0ba902b7-01"}
			answer := c.Send(test.request)
			if !answer.Succeeded() && answer.Failure.Error.TraceID != trace {
				t.Errorf("%s\nwant the trace id %s", answer, trace)
			}
			for app, want := range test.want {
				logged(t, app, trace, want)
			}
		})
	}
}

// logged waits for the single record of a request.
func logged(t *testing.T, app system.Role, trace string, want record) {
	t.Helper()
	await(t, seenWithin, "the record of "+string(app), func() error {
		found, err := records(app, trace)
		if err == nil && len(found) == 0 {
			err = errAwaited("no record of trace " + trace)
		}
		if err == nil && len(found) > 1 {
			t.Fatalf("%s has %d records of one request: %+v", app, len(found), found)
		}
		if err == nil && (found[0].Route != want.Route || found[0].Status != want.Status || found[0].Service != string(app)) {
			t.Fatalf("%s has recorded %+v, want %+v", app, found[0], want)
		}
		return err
	})
}

func TestLogsAreJSON(t *testing.T) {
	t.Parallel()
	singly(t)
	c := resident(t)
	c.see(t, "")
	for _, app := range apps {
		lines, err := logLines(app)
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) == 0 {
			t.Errorf("the log of %s is empty", app)
		}
		for _, line := range lines {
			var r record
			if err := json.Unmarshal(line, &r); err != nil || r.Time == "" || r.Level == "" || r.Msg == "" || r.Service != string(app) {
				t.Errorf("%s has logged %s (%v)", app, line, err)
			}
		}
	}
}

// personalLabel matches label values with ids and numbers of people.
var personalLabel = regexp.MustCompile(`"[^"]*(010[0-9]{8}|010-[0-9]{4}-|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-|e2e-|E2E-|loaduser|testuser|POP0)[^"]*"`)

func TestMetricsHaveNoPersonalLabels(t *testing.T) {
	t.Parallel()
	singly(t)
	c := subscriber(t)
	c.see(t, "")
	c.Result(c.History("").OK(t).Items[0].RequestID).OK(t)
	c.User(c.UserID).OK(t)
	c.Send(api.Request{Method: http.MethodGet, Path: "/api/v1/bills/" + c.Line}).Refused(t, http.StatusNotFound, "NOT_FOUND")

	want := map[system.Role][]string{
		auth: {
			`phonebill_http_requests_total{method="GET",route="/api/v1/users/{userId}",status="200"}`,
			`phonebill_http_request_duration_seconds_count{method="POST",route="/api/v1/auth/login"}`,
		},
		bills: {
			`phonebill_http_requests_total{method="POST",route="/api/v1/bills/inquiry",status="200"}`,
			`phonebill_http_requests_total{method="GET",route="/api/v1/bills/inquiry/{requestId}",status="200"}`,
			`phonebill_http_requests_total{method="GET",route="unmatched",status="404"}`,
			`phonebill_http_request_duration_seconds_count{method="POST",route="/api/v1/bills/inquiry"}`,
		},
		kosMock: {`phonebill_http_requests_total{method="POST",route="/api/kos/bill-inquiry",status="200"}`},
	}
	for app, series := range want {
		exported := scrape(t, direct(app, "/actuator/prometheus"))
		for _, name := range append(series, "phonebill_http_requests_in_flight", "phonebill_http_requests_shed_total") {
			if !strings.Contains(exported, "\n"+name+" ") {
				t.Errorf("%s does not export %s", app, name)
			}
		}
		labels(t, string(app), exported)
	}
	if whole.remote != nil {
		return // the sidecars' ports are not accessible
	}
	for _, app := range whole.system.Apps {
		labels(t, "the sidecar of "+app.ID, scrape(t, fmt.Sprintf("http://127.0.0.1:%d/metrics", app.MetricsPort)))
	}
}

func scrape(t testing.TB, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s answered %d (%v)", url, response.StatusCode, err)
	}
	return string(body)
}

// labels checks that no series is about a single person.
func labels(t *testing.T, who, metrics string) {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(metrics))
	for lines.Scan() {
		if line := lines.Text(); !strings.HasPrefix(line, "#") && personalLabel.MatchString(line) {
			t.Errorf("%s exports %s", who, line)
		}
	}
}

func TestReadinessListsDependencies(t *testing.T) {
	t.Parallel()
	want := map[system.Role][]string{
		auth:    {"data-keyset", "database", "session-store", "sidecar", "signing-keys"},
		bills:   {"data-keyset", "database", "session-store", "sidecar", "signing-keys"},
		plans:   {"data-keyset", "database", "session-store", "sidecar", "signing-keys"},
		kosMock: {"database", "settings", "sidecar"},
	}
	for app, names := range want {
		status, report, err := readiness(app)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for name, component := range report.Components {
			got[name] = component.Status
		}
		up := map[string]string{}
		for _, name := range names {
			up[name] = "UP"
		}
		if diff := cmp.Diff(up, got); diff != "" || status != http.StatusOK || report.Status != "UP" {
			t.Errorf("%s answers %d %s: %s", app, status, report.Status, diff)
		}
	}
}
