package componenttest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/expect"
)

func TestFailsOnDemand(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	token := kos.token("bill-inquiry-service")
	kos.setBillBehavior(`{"errorShare":1,"errorStatus":504}`)
	got := kos.inquire(token, "01012345678", "202512")
	if code := got.kos(t, nil); got.status != http.StatusGatewayTimeout || code != "9504" {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if got := kos.do(http.MethodGet, "/api/kos/products", token, ""); got.status != http.StatusOK {
		t.Errorf("another endpoint: %d", got.status)
	}
	if got := kos.do(http.MethodDelete, "/admin/behavior/bill-inquiry", "", ""); got.status != http.StatusNoContent {
		t.Errorf("reset: %d %s", got.status, got.body)
	}
	if got := kos.inquire(token, "01012345678", "202512"); got.status != http.StatusOK {
		t.Errorf("after the reset: %d", got.status)
	}
}

func TestFollowsAScript(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	token := kos.token("bill-inquiry-service")
	kos.setBillBehavior(`{"script":[{"status":503,"times":2},{"status":429},{"lineNumber":"010-8765-4321","status":502}]}`)
	for _, step := range []struct {
		line string
		want int
	}{
		{"01012345678", 503}, {"01012345678", 503}, {"01012345678", 429}, {"01012345678", 200},
		{"01087654321", 502}, {"01087654321", 200},
	} {
		if got := kos.inquire(token, step.line, "202512"); got.status != step.want {
			t.Errorf("got %d, want %d", got.status, step.want)
		}
	}
	if got := kos.settled(`{"lineNumber":"010-8765-4321"}`); got.Total != 2 || got.ByResultCode["9502"] != 1 {
		t.Errorf("calls about the line: %+v", got)
	}
}

func TestOutageEnds(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	token := kos.token("bill-inquiry-service")
	kos.setBillBehavior(`{"outageSeconds":30}`)
	got := kos.inquire(token, "01012345678", "202512")
	if code := got.kos(t, nil); got.status != http.StatusServiceUnavailable || code != "9503" || got.retryAfter != "30" {
		t.Errorf("got %d, Retry-After %q: %s", got.status, got.retryAfter, got.body)
	}
	kos.clock.advance(30 * time.Second)
	if got := kos.inquire(token, "01012345678", "202512"); got.status != http.StatusOK {
		t.Errorf("after the outage: %d", got.status)
	}
}

func TestLatencyIsConfigurable(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	token := kos.token("bill-inquiry-service")
	kos.setBillBehavior(`{"latency":{"minMs":150,"maxMs":150}}`)
	start := time.Now()
	if got := kos.inquire(token, "01012345678", "202512"); got.status != http.StatusOK {
		t.Errorf("got %d", got.status)
	}
	if took := time.Since(start); took < 150*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

// hang makes bill inquiries hang, sends one, and returns its result once it has reached the
// service.
func (s *service) hang(ctx context.Context) <-chan result {
	s.t.Helper()
	token := s.token("bill-inquiry-service")
	s.setBillBehavior(`{"hang":true}`)
	before := s.count(`{"endpoint":"bill-inquiry"}`).Total
	results := make(chan result, 1)
	go func() {
		got, err := s.send(ctx, http.MethodPost, "/api/kos/bill-inquiry", token, billInquiry("01012345678", "202512"))
		results <- result{got, err}
	}()
	expect.Eventually(s.t, "the call arrives", func() bool { return s.count(`{"endpoint":"bill-inquiry"}`).Total > before })
	return results
}

type result struct {
	answer

	err error
}

func TestHangsUntilOverrideIsReplaced(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	results := kos.hang(t.Context())
	select {
	case got := <-results:
		t.Fatalf("did not hang: %d %s, %v", got.status, got.body, got.err)
	default:
	}
	kos.setBillBehavior(`{}`)
	if got := <-results; got.err != nil || got.status != http.StatusOK {
		t.Errorf("got %d %s, %v", got.status, got.body, got.err)
	}
}

func TestAbandonedHangingCallCounts(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	results := kos.hang(ctx)
	leave()
	if got := <-results; !errors.Is(got.err, context.Canceled) {
		t.Errorf("got %d %s, %v", got.status, got.body, got.err)
	}
	expect.Eventually(t, "the service notices", func() bool { return strings.Contains(kos.log.String(), `"outcome":"abandoned"`) })
	if got := kos.count(`{"endpoint":"bill-inquiry"}`); got.Total != 1 || got.Unanswered != 1 {
		t.Errorf("it counts as %+v", got)
	}
}

func TestStopEndsHangingCalls(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	results := kos.hang(t.Context())
	start := time.Now()
	kos.stop()
	if took := time.Since(start); took > 8*time.Second { // the server drains for 10 s
		t.Errorf("stop took %v", took)
	}
	if got := <-results; got.err != nil || got.status != http.StatusServiceUnavailable {
		t.Errorf("the call got %d %s, %v", got.status, got.body, got.err)
	}
}

func TestAdminRefusesInvalidInput(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	for name, change := range map[string]string{
		"share":         `{"errorShare":1.5}`,
		"status":        `{"errorStatus":404}`,
		"latency":       `{"latency":{"minMs":5,"maxMs":4}}`,
		"limit":         `{"limitPerMinute":-1}`,
		"outage":        `{"outageSeconds":-1}`,
		"unknown field": `{"errors":1}`,
		"script status": `{"script":[{"status":200}]}`,
		"script drop":   `{"script":[{"drop":true,"status":503}]}`,
		"script after":  `{"script":[{"after":true,"status":429}]}`,
		"script line":   `{"script":[{"status":503,"lineNumber":"1"}]}`,
		"script length": `{"script":[{"status":503,"times":10001}]}`,
	} {
		if got := kos.do(http.MethodPut, "/admin/behavior/auth", "", change); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	for _, query := range []string{"endpoint=bills", "since=yesterday"} {
		if got := kos.do(http.MethodGet, "/admin/calls?"+query, "", ""); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	for name, trouble := range map[string]string{
		"no name":           `{}`,
		"unknown name":      `{"name":"unknown"}`,
		"unknown endpoint":  `{"name":"hang","endpoints":["products","bills"]}`,
		"no time":           `{"name":"hang","seconds":0}`,
		"too long":          `{"name":"hang","seconds":3601}`,
		"longer than times": `{"name":"hang","seconds":9223372036854775807}`,
		"no line":           `{"name":"bad-line"}`,
		"bad line":          `{"name":"bad-line","lineNumber":"1"}`,
		"line of all":       `{"name":"hang","lineNumber":"01012345678"}`,
		"unknown field":     `{"name":"hang","for":60}`,
	} {
		if got := kos.do(http.MethodPost, "/admin/troubles", "", trouble); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if got := kos.do(http.MethodGet, "/admin/behavior/bills", "", ""); got.status != http.StatusNotFound {
		t.Errorf("unknown endpoint: %d", got.status)
	}
	if got := kos.do(http.MethodPost, "/admin/calls", "", `{"lineNumber":"1"}`); got.status != http.StatusBadRequest {
		t.Errorf("bad line: %d %s", got.status, got.body)
	}
}

// Two replicas share one database; later a third one starts.
func TestBehaviorIsSharedByReplicasAndSurvivesRestarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.start(), w.start()
	token := first.token("bill-inquiry-service")
	replicas := []*service{first, second}

	first.setBillBehavior(`{"script":[{"status":503,"times":2}],"limitPerMinute":4}`)
	for call, want := range []int{503, 503, 200, 200, 429, 429} {
		if got := replicas[call%2].inquire(token, "01012345678", "202512"); got.status != want {
			t.Errorf("call %d: %d, want %d", call, got.status, want)
		}
	}
	a := first.inquire(first.token("auth-service"), "01030000001", "202601")
	b := second.inquire(second.token("auth-service"), "01030000001", "202601")
	if diff := cmp.Diff(string(a.body), string(b.body)); diff != "" {
		t.Errorf("replicas disagree: %s", diff)
	}
	var state struct {
		Endpoint   string
		Effective  struct{ LimitPerMinute int }
		Configured struct{ LimitPerMinute int }
		ScriptLeft int
	}
	shown := second.do(http.MethodGet, "/admin/behavior/bill-inquiry", "", "")
	if err := json.Unmarshal(shown.body, &state); err != nil || state.Effective.LimitPerMinute != 4 ||
		state.Configured.LimitPerMinute != 100 || state.ScriptLeft != 0 {
		t.Errorf("second replica shows %s", shown.body)
	}
	before := first.settled(`{"endpoint":"bill-inquiry"}`)
	if before.Total != 8 {
		t.Errorf("counted %+v", before)
	}
	first.stop()
	second.stop()

	third := w.start()
	if diff := cmp.Diff(before, third.settled(`{"endpoint":"bill-inquiry"}`)); diff != "" {
		t.Errorf("counts after a restart: %s", diff)
	}
	if got := third.inquire(token, "01012345678", "202512"); got.status != http.StatusTooManyRequests {
		t.Errorf("the limit was reset by a restart: %d", got.status)
	}
	if got := third.do(http.MethodDelete, "/admin/behavior", "", ""); got.status != http.StatusNoContent {
		t.Errorf("reset: %d", got.status)
	}
	if got := third.inquire(token, "01012345678", "202512"); got.status != http.StatusOK {
		t.Errorf("after the reset: %d", got.status)
	}
}
