package drills

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// Newcomer is a client that requests an uncached bill, with the results.
type Newcomer struct {
	Line   string
	Came   time.Time
	Async  bool // sends Prefer: respond-async
	Visits []traffic.Call
	// Served is when the bill arrived; zero if it never did.
	Served time.Time
}

// returnedTwice reports whether the newcomer retried after Retry-After and still did not find the
// bill.
func (n *Newcomer) returnedTwice() bool {
	retryGiven := false
	for _, visit := range n.Visits {
		if visit.Asked == progress { // polls at Location do not count
			return false
		}
		if retryGiven && !visit.OK {
			return true
		}
		retryGiven = visit.Got == waiting
	}
	return false
}

const (
	// shortestPoll and longestPoll bound the polling interval at Location, which is half of the
	// estimate.
	shortestPoll, longestPoll = time.Second, 20 * time.Second
	// afterFailure is the retry interval without Retry-After.
	afterFailure = time.Second
)

// run requests a month's bill until it arrives: at Location if there is one, otherwise with retries
// after Retry-After.
func (n *Newcomer) run(ctx context.Context, p person, month string) {
	n.Line, n.Came = p.line, time.Now()
	for {
		pause, location := n.ask(p, month)
		for location != "" && n.Served.IsZero() {
			if proc.Pause(ctx, pause) != nil {
				return
			}
			pause, location = n.poll(p, location)
		}
		if !n.Served.IsZero() || proc.Pause(ctx, pause) != nil {
			return
		}
	}
}

// ask requests the bill. It returns the time until the next request, and the location to poll, if
// any.
func (n *Newcomer) ask(p person, month string) (pause time.Duration, location string) {
	if !n.Async {
		begun, answer := time.Now(), p.api.Inquire(p.line, month)
		n.note(visited(begun, thisMonth, answer, grade(answer, answer.Data.Stale, p.mine(answer.Data.Bill, month))))
		return until(answer.Header), ""
	}
	begun, answer := time.Now(), p.api.InquireAsync(p.line, month)
	n.note(visited(begun, thisMonth, answer, grade(answer, answer.Data.Stale, p.mine(answer.Data.Bill, month))))
	if answer.Status == http.StatusAccepted {
		return estimate(answer.Data), strings.TrimPrefix(answer.Header.Get("Location"), "/api/v1/bills/inquiry/")
	}
	return until(answer.Header), ""
}

// poll requests the state of an inquiry; see ask.
func (n *Newcomer) poll(p person, id string) (pause time.Duration, location string) {
	begun, answer := time.Now(), p.api.Result(id)
	got := grade(answer, answer.Data.Stale, answer.Data.Bill != nil)
	if answer.Succeeded() && answer.Data.Status == "PROCESSING" {
		got = waiting
	}
	n.note(visited(begun, progress, answer, got))
	switch {
	case got == waiting:
		return estimate(answer.Data), id
	case answer.Succeeded(): // the inquiry has failed; a new one may succeed
		return afterFailure, ""
	}
	return until(answer.Header), id
}

// note records a visit. The first one with the bill is the last.
func (n *Newcomer) note(visit traffic.Call) {
	n.Visits = append(n.Visits, visit)
	if visit.OK {
		n.Served = visit.End()
	}
}

func until(header http.Header) time.Duration { return max(retryAfter(header), afterFailure) }

func estimate(waits api.Result) time.Duration {
	if waits.EstimatedSeconds == nil {
		return shortestPoll
	}
	half := time.Duration(*waits.EstimatedSeconds) * time.Second / 2
	return min(max(half, shortestPoll), longestPoll)
}
