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

// Newcomer is somebody who asked for a bill that nobody had asked for, and what
// became of that.
type Newcomer struct {
	Line   string
	Came   time.Time
	Async  bool // preferred not to wait
	Visits []traffic.Call
	// Served is when the bill was there; zero if it never was.
	Served time.Time
}

// cameTwice reports whether the newcomer, told when to come back for the bill,
// was there in time and did not find it.
func (n *Newcomer) cameTwice() bool {
	told := false
	for _, visit := range n.Visits {
		if visit.Asked == progress { // who asks at Location is not told to come back
			return false
		}
		if told && !visit.OK {
			return true
		}
		told = visit.Got == waiting
	}
	return false
}

const (
	// shortestLook and longestLook bound how often somebody looks at Location:
	// after half of the estimate.
	shortestLook, longestLook = time.Second, 20 * time.Second
	// afterFailure is when somebody comes back who was not told.
	afterFailure = time.Second
)

// live asks for a month's bill until it is there, as the answers say: at
// Location if there is one, else again, but never before Retry-After.
func (n *Newcomer) live(ctx context.Context, p person, month string) {
	n.Line, n.Came = p.line, time.Now()
	for {
		pause, location := n.ask(p, month)
		for location != "" && n.Served.IsZero() {
			if proc.Pause(ctx, pause) != nil {
				return
			}
			pause, location = n.look(p, location)
		}
		if !n.Served.IsZero() || proc.Pause(ctx, pause) != nil {
			return
		}
	}
}

// ask asks for the bill. It returns when to come back, and where to ask then if
// not for the bill itself.
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

// look asks what became of an inquiry; see ask.
func (n *Newcomer) look(p person, id string) (pause time.Duration, location string) {
	begun, answer := time.Now(), p.api.Result(id)
	got := grade(answer, answer.Data.Stale, answer.Data.Bill != nil)
	if answer.Succeeded() && answer.Data.Status == "PROCESSING" {
		got = waiting
	}
	n.note(visited(begun, progress, answer, got))
	switch {
	case got == waiting:
		return estimate(answer.Data), id
	case answer.Succeeded(): // it has failed: a new inquiry may not
		return afterFailure, ""
	}
	return until(answer.Header), id
}

// note remembers a visit; the first one that brings the bill is the last.
func (n *Newcomer) note(visit traffic.Call) {
	n.Visits = append(n.Visits, visit)
	if visit.OK {
		n.Served = visit.End()
	}
}

func until(header http.Header) time.Duration { return max(retryAfter(header), afterFailure) }

func estimate(waits api.Result) time.Duration {
	if waits.EstimatedSeconds == nil {
		return shortestLook
	}
	half := time.Duration(*waits.EstimatedSeconds) * time.Second / 2
	return min(max(half, shortestLook), longestLook)
}
