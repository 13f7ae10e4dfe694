package componenttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/expect"
)

// troubles are the predefined troubles and the current ones.
type troubles struct {
	Troubles []struct{ Name, Does string }
	Now      []struct {
		Endpoint, Name string
		Since, Until   time.Time
	}
}

// current returns the names of the current troubles by endpoint.
func (l troubles) current() map[string]string {
	current := make(map[string]string)
	for _, trouble := range l.Now {
		current[trouble.Endpoint] = trouble.Name
	}
	return current
}

// startTrouble starts a trouble.
func (s *service) startTrouble(trouble string) {
	s.t.Helper()
	if got := s.do(http.MethodPost, "/admin/troubles", "", trouble); got.status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", trouble, got.status, got.body)
	}
}

func (s *service) troubles() (list troubles) {
	s.t.Helper()
	got := s.do(http.MethodGet, "/admin/troubles", "", "")
	if err := json.Unmarshal(got.body, &list); err != nil || got.status != http.StatusOK {
		s.t.Fatalf("%d %s", got.status, got.body)
	}
	return list
}

// limit returns the effective limit of bill inquiries.
func (s *service) limit() int {
	s.t.Helper()
	var state struct{ Effective struct{ LimitPerMinute int } }
	got := s.do(http.MethodGet, "/admin/behavior/bill-inquiry", "", "")
	if err := json.Unmarshal(got.body, &state); err != nil {
		s.t.Fatalf("%s: %v", got.body, err)
	}
	return state.Effective.LimitPerMinute
}

func TestTroublesAreListed(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	list := kos.troubles()
	var names []string
	for _, trouble := range list.Troubles {
		names = append(names, trouble.Name)
	}
	want := []string{"slow-ramp", "error-storm", "hang", "flapping", "limit-drop", "outage", "bad-line"}
	if diff := cmp.Diff(want, names); diff != "" || len(list.Now) != 0 {
		t.Errorf("%+v: %s", list.Now, diff)
	}
	kos.startTrouble(`{"name":"hang"}`)
	all := map[string]string{
		"bill-inquiry": "hang", "product-inquiry": "hang", "products": "hang",
		"product-change": "hang", "product-change-status": "hang",
	}
	if diff := cmp.Diff(all, kos.troubles().current()); diff != "" {
		t.Error(diff)
	}
	kos.startTrouble(`{"name":"outage","endpoints":["auth","products"],"seconds":90}`)
	all["auth"], all["products"] = "outage", "outage"
	if diff := cmp.Diff(all, kos.troubles().current()); diff != "" {
		t.Error(diff)
	}
	kos.clock.advance(time.Minute)
	list = kos.troubles()
	if diff := cmp.Diff(map[string]string{"auth": "outage", "products": "outage"}, list.current()); diff != "" {
		t.Error(diff)
	}
	if lasts := list.Now[0].Until.Sub(list.Now[0].Since); lasts != 90*time.Second {
		t.Errorf("lasts %v", lasts)
	}
	if got := kos.do(http.MethodDelete, "/admin/behavior", "", ""); got.status != http.StatusNoContent {
		t.Errorf("reset: %d", got.status)
	}
	if got := kos.troubles().current(); len(got) != 0 {
		t.Errorf("after the reset: %v", got)
	}
}

// TestEveryTroubleIsShown checks the answers for every kind against the OpenAPI document.
func TestEveryTroubleIsShown(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	for _, kind := range kos.troubles().Troubles {
		line := ""
		if kind.Name == "bad-line" {
			line = "01012345678"
		}
		kos.startTrouble(fmt.Sprintf(`{"name":%q,"endpoints":["products"],"lineNumber":%q}`, kind.Name, line))
		got := kos.do(http.MethodGet, "/admin/behavior/products", "", "")
		if !strings.Contains(string(got.body), `"`+kind.Name+`"`) || strings.Contains(string(got.body), "01012345678") {
			t.Errorf("%s is shown as %s", kind.Name, got.body)
		}
	}
}

// Two replicas share one database; later a third one starts.
func TestTroublesApplyToAllReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.start(), w.start()
	replicas := []*service{first, second}
	token := first.token("bill-inquiry-service")
	expect := func(what string, want int) {
		t.Helper()
		for i, replica := range replicas {
			got := replica.inquire(token, "01012345678", "202512")
			if got.status != want || got.retryAfter != "" {
				t.Errorf("%s, replica %d: %d, Retry-After %q, want %d", what, i, got.status, got.retryAfter, want)
			}
		}
	}
	advance := func(d time.Duration) {
		for _, replica := range replicas {
			replica.clock.advance(d)
		}
	}
	expect("before", http.StatusOK)
	first.startTrouble(`{"name":"flapping","seconds":40}`)
	for _, want := range []int{503, 200, 503} {
		expect("flapping", want)
		advance(10 * time.Second)
	}
	second.startTrouble(`{"name":"outage","endpoints":["bill-inquiry"],"seconds":60}`)
	expect("another trouble instead", http.StatusServiceUnavailable)
	first.stop()
	third := w.start()
	third.clock.advance(30 * time.Second)
	replicas = []*service{second, third}
	advance(59 * time.Second)
	expect("after a restart", http.StatusServiceUnavailable)
	advance(time.Second)
	expect("when it is over", http.StatusOK)
}

func TestTroubleHangEndsOnAllReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.start(), w.start()
	token := first.token("bill-inquiry-service")
	first.startTrouble(`{"name":"hang","seconds":3600}`)
	results := make(chan result, 1)
	go func() {
		got, err := second.send(t.Context(), http.MethodPost, "/api/kos/bill-inquiry", token, billInquiry("01012345678", "202512"))
		results <- result{got, err}
	}()
	expect.Eventually(t, "the call arrives", func() bool { return second.count(`{"endpoint":"bill-inquiry"}`).Total == 1 })
	second.clock.advance(time.Hour - time.Second)
	select {
	case got := <-results:
		t.Fatalf("did not hang: %d %s, %v", got.status, got.body, got.err)
	case <-time.After(time.Second): // long enough for two checks of the hang
	}
	second.clock.advance(time.Second)
	if got := <-results; got.err != nil || got.status != http.StatusOK {
		t.Errorf("got %d %s, %v", got.status, got.body, got.err)
	}
}

func TestTroubleLowersTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	replicas := []*service{w.start(), w.start()}
	token := replicas[0].token("bill-inquiry-service")
	replicas[0].setBillBehavior(`{"limitPerMinute":10}`)
	replicas[1].startTrouble(`{"name":"limit-drop","seconds":120}`)
	for call, want := range []int{200, 200, 429, 429} {
		if got := replicas[call%2].inquire(token, "01012345678", "202512"); got.status != want {
			t.Errorf("call %d: %d, want %d", call, got.status, want)
		}
	}
	for i, replica := range replicas {
		if got := replica.limit(); got != 2 {
			t.Errorf("replica %d shows a limit of %d", i, got)
		}
		replica.clock.advance(2 * time.Minute)
	}
	since := replicas[0].clock.now().Format(time.RFC3339)
	for call := range 11 {
		want := http.StatusOK
		if call == 10 {
			want = http.StatusTooManyRequests
		}
		if got := replicas[call%2].inquire(token, "01012345678", "202512"); got.status != want {
			t.Errorf("call %d, when it is over: %d, want %d", call, got.status, want)
		}
	}
	all := replicas[0].settled(`{"endpoint":"bill-inquiry"}`)
	late := replicas[1].settled(`{"endpoint":"bill-inquiry","since":"` + since + `"}`)
	if all.Total != 15 || all.BusiestMinute != 10 || late.Total != 11 || late.Limited != 1 || late.BusiestMinute != 10 {
		t.Errorf("counted %+v in all, %+v since %s", all, late, since)
	}
}

func TestBadLineAffectsOneLine(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	token := kos.token("bill-inquiry-service")
	kos.setBillBehavior(`{"errorStatus":502}`)
	kos.startTrouble(`{"name":"bad-line","lineNumber":"010-8765-4321"}`)
	for range 3 {
		for line, want := range map[string]int{"01087654321": http.StatusBadGateway, "01012345678": http.StatusOK} {
			if got := kos.inquire(token, line, "202512"); got.status != want {
				t.Errorf("%s: %d, want %d", line, got.status, want)
			}
		}
	}
	if got := kos.do(http.MethodGet, "/api/kos/products", token, ""); got.status != http.StatusOK {
		t.Errorf("call without a line: %d", got.status)
	}
	if got := kos.do(http.MethodGet, "/admin/behavior/bill-inquiry", "", ""); got.status != http.StatusOK {
		t.Errorf("behaviour: %d %s", got.status, got.body)
	}
	kos.setBillBehavior(`{}`) // ends the trouble
	if got := kos.inquire(token, "01087654321", "202512"); got.status != http.StatusOK {
		t.Errorf("after the override was replaced: %d", got.status)
	}
}

func TestLatencyClimbs(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	token := kos.token("bill-inquiry-service")
	kos.startTrouble(`{"name":"slow-ramp","seconds":1000}`)
	kos.clock.advance(100 * time.Second) // a tenth of the way to 5 s
	start := time.Now()
	if got := kos.inquire(token, "01012345678", "202512"); got.status != http.StatusOK {
		t.Errorf("got %d", got.status)
	}
	if took := time.Since(start); took < 500*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

func TestErrorStormFailsAShareOfCalls(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	token := kos.token("bill-inquiry-service")
	kos.setBillBehavior(`{"limitPerMinute":0}`)
	kos.startTrouble(`{"name":"error-storm"}`)
	const calls = 100
	for range calls {
		kos.inquire(token, "01012345678", "202512")
	}
	// 80 are expected; 24 fewer would be six standard deviations.
	if got := kos.settled(`{"endpoint":"bill-inquiry"}`); got.ByStatus["500"] < 56 || got.ByStatus["200"] == 0 {
		t.Errorf("of %d calls %+v", calls, got)
	}
}
