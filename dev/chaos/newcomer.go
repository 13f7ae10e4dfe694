package chaos

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// Newcomer is a client that requests an uncached bill, with the results.
type Newcomer struct {
	Line   string
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

// shortestPoll and longestPoll bound the polling interval at Location, which is half of the
// estimate.
const shortestPoll, longestPoll = time.Second, 20 * time.Second

// run requests a month's bill until it arrives: at Location if there is one, otherwise with retries
// after Retry-After.
func (n *Newcomer) run(ctx context.Context, c *client, month string) {
	n.Line = c.line
	for {
		pause, location := n.ask(c, month)
		for location != "" && n.Served.IsZero() {
			if proc.Pause(ctx, pause) != nil {
				return
			}
			pause, location = n.poll(c, location)
		}
		if !n.Served.IsZero() || proc.Pause(ctx, pause) != nil {
			return
		}
	}
}

// ask requests the bill. It returns the time until the next request, and the location to poll, if
// any.
func (n *Newcomer) ask(c *client, month string) (pause time.Duration, location string) {
	if !n.Async {
		begun, answer := time.Now(), c.api.Inquire(c.line, month)
		n.note(visited(begun, thisMonth, answer, grade(answer, answer.Data.Stale, c.mine(answer.Data.Bill, month))))
		return until(answer.Header), ""
	}
	begun, answer := time.Now(), c.api.InquireAsync(c.line, month)
	n.note(visited(begun, thisMonth, answer, grade(answer, answer.Data.Stale, c.mine(answer.Data.Bill, month))))
	if answer.Status == http.StatusAccepted {
		return estimate(answer.Data), strings.TrimPrefix(answer.Header.Get("Location"), "/api/v1/bills/inquiry/")
	}
	return until(answer.Header), ""
}

// poll requests the state of an inquiry; see ask.
func (n *Newcomer) poll(c *client, id string) (pause time.Duration, location string) {
	begun, answer := time.Now(), c.api.Result(id)
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

func estimate(waits api.Result) time.Duration {
	if waits.EstimatedSeconds == nil {
		return shortestPoll
	}
	half := time.Duration(*waits.EstimatedSeconds) * time.Second / 2
	return min(max(half, shortestPoll), longestPoll)
}

// monthsEach is the number of months requested for each line, each once.
const monthsEach = 6

// newcomers arrive one by one, each with an inquiry of its own.
type newcomers struct {
	people []*client
	months int // requested for each line

	all   []*Newcomer
	lives sync.WaitGroup
}

// come starts a newcomer at every interval until ctx ends or all inquiries are used up. They run
// until life ends.
func (n *newcomers) come(ctx, life context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for n.next(life) {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// next starts the next newcomer, and reports whether there was one.
func (n *newcomers) next(life context.Context) bool {
	number := len(n.all)
	if number >= len(n.people)*n.months {
		return false
	}
	// Consecutive newcomers use different lines, and in each month half of them are asynchronous.
	c, back := n.people[number%len(n.people)], number/len(n.people)
	newcomer := &Newcomer{Async: (number+back)%2 == 1}
	n.all = append(n.all, newcomer)
	n.lives.Go(func() { newcomer.run(life, c, api.Month(back)) })
	return true
}

// results returns the results of all newcomers after they have ended.
func (n *newcomers) results() []Newcomer {
	all := make([]Newcomer, len(n.all))
	for i, newcomer := range n.all {
		all[i] = *newcomer
	}
	return all
}
