package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// bill is a complete answer about this month.
func bill(line string, old bool) string {
	this := api.Month(0)
	return fmt.Sprintf(`{"success":true,"data":{"status":"COMPLETED","stale":%t,"billInfo":{"lineNumber":%q,"billingMonth":%q}}}`,
		old, line, this[:4]+this[5:])
}

// kinds returns the kinds of answers.
func kinds(calls []traffic.Call) (all []string) {
	for _, call := range calls {
		all = append(all, call.Got)
	}
	return all
}

func TestAnswersAreClassified(t *testing.T) {
	t.Parallel()
	soon := map[string]string{"Retry-After": "3"}
	for want, replies := range map[string][]reply{
		fresh:   {{200, nil, bill(ourLine, false)}},
		stale:   {{200, nil, bill(ourLine, true)}},
		waiting: {{202, nil, `{"success":true,"data":{}}`}, {503, soon, failure("INQUIRY_IN_PROGRESS")}},
		refused: {{503, soon, failure("KOS_UNAVAILABLE")}},
		failed: {
			{503, nil, failure("KOS_UNAVAILABLE")}, // without Retry-After
			{502, soon, ""}, {500, nil, failure("INTERNAL_ERROR")}, {401, nil, failure("TOKEN_INVALID")},
			{200, nil, bill("01030000002", false)}, // another customer's line
			{200, nil, `{"success":true,"data":{"status":"COMPLETED"}}`},
			{200, nil, failure("KOS_UNAVAILABLE")}, {200, nil, "<html>"},
		},
	} {
		t.Run(want, func(t *testing.T) {
			for _, reply := range replies {
				p, _ := visitor(t, reply)
				if got := p.visit(thisMonth); got.Got != want {
					t.Errorf("%v is %s, want %s", reply, got.Got, want)
				}
			}
		})
	}
}

func TestRegularRequestMix(t *testing.T) {
	t.Parallel()
	p, script := visitor(t, reply{200, nil, `{"success":true,"data":{"stale":true,"customerInfo":{"lineNumber":"01030000001"}}}`})
	if got := p.visit(menu); got.Got != stale {
		t.Errorf("the menu is %s: %s", got.Got, got.Reason)
	}
	if want := []string{"GET /api/v1/bills/menu"}; !slices.Equal(script.asked(), want) {
		t.Errorf("asked %q", script.asked())
	}
	count := map[string]int{}
	for _, what := range billRequests {
		count[what]++
	}
	if slices.Contains(limitDrop().Asks, pastMonth) {
		t.Error("last month's bill is asked for")
	}
	if count[thisMonth] != 8 || count[pastMonth] != 1 || count[menu] != 1 {
		t.Errorf("asked for %v", count)
	}
}

func TestNewcomerRetriesAfterRetryAfter(t *testing.T) {
	t.Parallel()
	soon := map[string]string{"Retry-After": "1"}
	p, script := visitor(t,
		reply{503, soon, failure("KOS_UNAVAILABLE")}, reply{503, soon, failure("INQUIRY_IN_PROGRESS")}, reply{200, nil, bill(ourLine, false)})
	var n Newcomer
	n.run(t.Context(), p, api.Month(0))
	if got := kinds(n.Visits); !slices.Equal(got, []string{refused, waiting, fresh}) || n.Served.IsZero() {
		t.Errorf("got %v, served at %s", got, n.Served)
	}
	if pause := n.Visits[2].Start.Sub(n.Visits[1].End()); pause < time.Second {
		t.Errorf("it came back after %s", pause)
	}
	if want := "POST /api/v1/bills/inquiry"; script.asked()[2] != want {
		t.Errorf("asked %q", script.asked())
	}
}

func TestAsyncNewcomerPolls(t *testing.T) {
	t.Parallel()
	queued, err := json.Marshal(map[string]any{"success": true, "data": map[string]any{
		"requestId": "id-1", "status": "PROCESSING", "queuePosition": 3, "estimatedSeconds": 1,
	}})
	if err != nil {
		t.Fatal(err)
	}
	location := map[string]string{"Location": "/api/v1/bills/inquiry/id-1"}
	p, script := visitor(t,
		reply{202, location, string(queued)}, reply{200, nil, string(queued)},
		reply{200, nil, `{"success":true,"data":{"status":"FAILED"}}`}, reply{202, location, string(queued)},
		reply{200, nil, bill(ourLine, false)})
	n := Newcomer{Async: true}
	n.run(t.Context(), p, api.Month(0))
	if got := kinds(n.Visits); !slices.Equal(got, []string{waiting, waiting, failed, waiting, fresh}) {
		t.Errorf("got %v", got)
	}
	ask, poll := "POST /api/v1/bills/inquiry respond-async", "GET /api/v1/bills/inquiry/id-1"
	if want := []string{ask, poll, poll, ask, poll}; !slices.Equal(script.asked(), want) {
		t.Errorf("asked %q", script.asked())
	}
}

func TestPollIntervalFollowsTheEstimate(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[int]time.Duration{0: time.Second, 1: time.Second, 10: 5 * time.Second, 600: 20 * time.Second} {
		t.Run(fmt.Sprint(seconds), func(t *testing.T) {
			if got := estimate(api.Result{EstimatedSeconds: &seconds}); got != want {
				t.Errorf("%d s: %s, want %s", seconds, got, want)
			}
		})
	}
	if got := estimate(api.Result{}); got != shortestPoll {
		t.Errorf("without an estimate: %s", got)
	}
}

func TestNewcomersHaveDistinctInquiries(t *testing.T) {
	t.Parallel()
	p, _ := visitor(t, reply{200, nil, bill(ourLine, false)})
	others := newcomers{people: []*client{p, {api: p.api, line: "01030000002"}}, months: 2}
	life, end := context.WithCancel(t.Context())
	end() // one visit each suffices
	others.come(t.Context(), life, time.Millisecond)
	others.lives.Wait()
	stories := others.results()
	if len(stories) != 4 {
		t.Fatalf("%d came", len(stories))
	}
	seen := map[string]int{}
	for _, story := range stories {
		seen[fmt.Sprint(story.Line, story.Async)]++
	}
	if len(seen) != 4 {
		t.Errorf("of each line one waits and one does not: %v", seen)
	}
}
