package load

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/system"
)

// service is a fake of the public API.
type service struct {
	mu    sync.Mutex
	asked []string
	// answer overrides the answer to the nth request, from 1, if it returns a status; -1 means that
	// it has answered.
	answer func(n int, w http.ResponseWriter, r *http.Request) (status int)
}

const complete = `{"success":true,"access_token":"token","data":{"lineNumber":"01030000001","billInfo":{},
	"currentProduct":{"productCode":"A"},"products":[{"productCode":"A"},{"productCode":"B"}]}}`

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.String())
	n := len(s.asked)
	s.mu.Unlock()
	if s.answer != nil {
		switch status := s.answer(n, w, r); status {
		case 0:
		case -1:
			return
		default:
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"error":{"code":"KOS_BUSY"},"data":{"status":"PROCESSING"}}`)
			return
		}
	}
	_, _ = io.WriteString(w, complete)
}

// playOn plays a round of one user against the service.
func (s *service) playOn(t *testing.T, round Round) map[Step]*tally {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	r := &run{users: []*user{newUser(0)}, base: func(Round, Step) string { return server.URL }}
	m := newMeter()
	if err := r.play(t.Context(), round, m); err != nil {
		t.Fatal(err)
	}
	return m.steps
}

func TestVisitHasAllRequests(t *testing.T) {
	t.Parallel()
	s := &service{}
	steps := s.playOn(t, Round{Visit: append(slices.Clone(all), Act{Check, 1}, Act{Change, 1}, Act{History, 1}, Act{Month, 0})})
	if diff := cmp.Diff([]string{
		"POST /api/v1/auth/login", "GET /api/v1/products/customer?lineNumber=01030000001", "GET /api/v1/bills/menu",
		"POST /api/v1/bills/inquiry", "POST /api/v1/bills/inquiry", "GET /api/v1/products/available?currentProductCode=A",
		"POST /api/v1/products/change/validation", "POST /api/v1/products/change", "GET /api/v1/bills/history",
	}, s.asked); diff != "" {
		t.Error(diff)
	}
	for step, t1 := range steps {
		if t1.failed != 0 || t1.waits.TotalCount() != 1 {
			t.Errorf("%s: %d failed of %d: %v", step, t1.failed, t1.waits.TotalCount(), t1.kinds)
		}
	}
}

func TestRefusedRequestIsRepeatedAfterRetryAfter(t *testing.T) {
	t.Parallel()
	s := &service{answer: func(n int, w http.ResponseWriter, _ *http.Request) int {
		if n > 1 {
			return 0
		}
		w.Header().Set("Retry-After", "1")
		return http.StatusServiceUnavailable
	}}
	menu := s.playOn(t, Round{Visit: []Act{{Menu, 1}}})[Menu]
	if diff := cmp.Diff(map[string]int{"503 KOS_BUSY": 1, "200": 1}, menu.kinds); diff != "" || menu.refused != 1 || menu.failed != 0 {
		t.Errorf("%d refused, %d failed, %s", menu.refused, menu.failed, diff)
	}
	if wait := time.Duration(menu.waits.Max()) * time.Microsecond; wait < time.Second {
		t.Errorf("the step took %s", wait)
	}
	if answer := time.Duration(menu.answers.Max()) * time.Microsecond; answer >= time.Second {
		t.Errorf("an answer took %s", answer)
	}
}

func TestPendingRequestIsAskedAtLocation(t *testing.T) {
	t.Parallel()
	s := &service{answer: func(n int, w http.ResponseWriter, _ *http.Request) int {
		w.Header().Set("Location", "/result")
		return []int{http.StatusAccepted, http.StatusOK, 0}[n-1]
	}}
	inquiry := s.playOn(t, Round{Visit: []Act{{Inquiry, 1}}})[Inquiry]
	if diff := cmp.Diff([]string{"POST /api/v1/bills/inquiry", "GET /result", "GET /result"}, s.asked); diff != "" || inquiry.failed != 0 {
		t.Errorf("%d failed, %s", inquiry.failed, diff)
	}
}

func TestErrorsAreCounted(t *testing.T) {
	t.Parallel()
	for kind, answer := range map[string]func(w http.ResponseWriter) int{
		"500 KOS_BUSY": func(http.ResponseWriter) int { return http.StatusInternalServerError },
		"incomplete": func(w http.ResponseWriter) int {
			_, _ = io.WriteString(w, `{"success":true}`)
			return -1
		},
	} {
		s := &service{answer: func(_ int, w http.ResponseWriter, _ *http.Request) int { return answer(w) }}
		menu := s.playOn(t, Round{Visit: []Act{{Menu, 1}}})[Menu]
		if menu.failed != 1 || menu.kinds[kind] != 1 {
			t.Errorf("%s: %d failed, %v", kind, menu.failed, menu.kinds)
		}
	}
}

// TestLatencyContainsDelayOfEarlierAnswers plays the open model against a service that hangs once:
// the requests that were due meanwhile have waited too.
func TestLatencyContainsDelayOfEarlierAnswers(t *testing.T) {
	t.Parallel()
	const hang, every = 300 * time.Millisecond, 20 * time.Millisecond
	s := &service{answer: func(n int, _ http.ResponseWriter, r *http.Request) int {
		if n == 1 {
			timer := time.NewTimer(hang)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-r.Context().Done():
			}
		}
		return 0
	}}
	menu := s.playOn(t, Round{Visit: []Act{{Menu, 1}}, Every: every, For: 2 * hang})[Menu]
	if n := menu.answers.TotalCount(); n != int64(2*hang/every) {
		t.Errorf("%d requests, want one every %s", n, every)
	}
	// The second one was due 20 ms after the first one, the third one 40 ms, and so on.
	if median := time.Duration(menu.answers.ValueAtQuantile(60)) * time.Microsecond; median > hang {
		t.Errorf("median %s", median)
	}
	if late := time.Duration(menu.answers.ValueAtQuantile(80)) * time.Microsecond; late < hang/4 {
		t.Errorf("four of five requests were answered within %s", late)
	}
}

func TestAtOnceBoundsConcurrency(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		_, _ = io.WriteString(w, complete)
	}))
	defer server.Close()
	r := &run{base: func(Round, Step) string { return server.URL }}
	for range 50 {
		r.users = append(r.users, newUser(0))
	}
	m := newMeter()
	if err := r.play(t.Context(), Round{Visit: []Act{{Menu, 1}}, AtOnce: 3}, m); err != nil {
		t.Fatal(err)
	}
	if n := m.steps[Menu].answers.TotalCount(); n != 50 || most.Load() > 3 {
		t.Errorf("%d requests, %d at once", n, most.Load())
	}
}

func TestInterruptEndsRound(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &run{users: []*user{newUser(0)}}
	if err := r.play(ctx, Round{Visit: Usual, For: time.Hour}, newMeter()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// newReport returns a report of rounds with the given throughputs.
func newReport(name string, perSecond ...float64) (rounds []RoundReport) {
	for _, requests := range perSecond {
		m := newMeter()
		for range int(requests) {
			m.answered(Menu, time.Millisecond, reply{status: 200, kind: "200"})
			m.finished(Menu, time.Millisecond, reply{status: 200})
		}
		begin := time.Unix(0, 0)
		before := sample{begin, map[system.Role]system.Usage{Generator: {Memory: 1e6}, "app": {Memory: 2e6, Goroutines: 7}}}
		after := sample{begin.Add(time.Hour), map[system.Role]system.Usage{
			Generator: {CPU: time.Second, Memory: 1e6}, "app": {CPU: 2 * time.Second, Memory: 5e6, Goroutines: 9},
		}}
		rounds = append(rounds, newRoundReport(Round{Name: name}, time.Second, m, []sample{before, before, after}))
	}
	return rounds
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := Report{Name: "test", Rounds: append(newReport("slow", 10, 30, 20), newReport("fast", 40, 50, 60)...)}
	app := r.Rounds[0].Parts[0]
	want := PartReport{
		Role: "app", CPU: 2, PerRequest: 2e6 / 10, Memory: Range{2, 5, 5}, Goroutines: Range{7, 9, 9}, Growth: 3,
	}
	if diff := cmp.Diff(want, app); diff != "" {
		t.Error(diff)
	}
	var medians []float64
	for _, c := range r.comparisons() {
		medians = append(medians, c.perSecond, c.perRequestOfSystem)
	}
	if diff := cmp.Diff([]float64{20, 1e5, 50, 4e4}, medians); diff != "" {
		t.Error(diff)
	}
	dir := t.TempDir()
	path, err := r.Save(dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), "30 × 200") {
		t.Errorf("%s, %v", text, err)
	}
	drawn, err := os.ReadFile(filepath.Join(dir, "load-test.svg"))
	if err != nil || xml.Unmarshal(drawn, new(struct{ XMLName xml.Name })) != nil {
		t.Errorf("%.200s, %v", drawn, err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	bounds := Bounds{Once: true, NoRefusals: true}
	good := Report{Rounds: newReport("round", 1)}
	if faults := good.Faults(bounds); len(faults) > 0 {
		t.Error(faults)
	}
	for name, spoil := range map[string]func(r *Report, s *StepReport){
		"failed":    func(_ *Report, s *StepReport) { s.Failed = 1 },
		"abandoned": func(_ *Report, s *StepReport) { s.Abandoned = 1 },
		"refused":   func(_ *Report, s *StepReport) { s.Refused = 1 },
		"repeated":  func(r *Report, _ *StepReport) { r.Repeated = 1 },
	} {
		bad := Report{Rounds: newReport("round", 1)}
		spoil(&bad, &bad.Rounds[0].Steps[0])
		if len(bad.Faults(bounds)) != 1 {
			t.Errorf("%s: %v", name, bad.Faults(bounds))
		}
	}
}

func TestAllAnswersMustBeStale(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		kinds map[string]int
		holds bool
	}{
		"stale": {map[string]int{staleAnswer: 30}, true},
		"fresh": {map[string]int{"200": 30}, false},
		"both":  {map[string]int{staleAnswer: 29, "200": 1}, false},
	} {
		report := Report{Rounds: newReport("round", 1)}
		report.Rounds[0].Steps[0].Kinds = tc.kinds
		if faults := report.Faults(Bounds{Stale: true}); (len(faults) == 0) != tc.holds {
			t.Errorf("%s: %v", name, faults)
		}
	}
}
