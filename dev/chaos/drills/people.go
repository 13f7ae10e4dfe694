package drills

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/phonebill/phonebill/dev/chaos/internal/stage"
	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// Kinds of requests (traffic.Call.Asked).
const (
	thisMonth = "this month"
	pastMonth = "past month"
	menu      = "menu"
	progress  = "progress" // of an inquiry
)

// Kinds of answers (traffic.Call.Got).
const (
	fresh   = "fresh"
	stale   = "stale"   // marked stale
	waiting = "waiting" // 202, 503 INQUIRY_IN_PROGRESS, or still queued
	refused = "503"     // with Retry-After
	failed  = "failed"  // anything else
)

// person is a logged-in user with a line.
type person struct {
	api  *api.Client
	line string
}

// login logs a seeded user in, with retries after 429.
func login(ctx context.Context, s *stage.Stage, n int) (person, error) {
	p := person{s.Client(), stage.Line(n)}
	for {
		answer := p.api.Login(stage.User(n), stage.Password)
		if answer.Succeeded() {
			return p, nil
		}
		if answer.Status != http.StatusTooManyRequests || proc.Pause(ctx, until(answer.Header)) != nil {
			return p, fmt.Errorf("login: %s", answer)
		}
	}
}

// visit sends a request of a kind.
func (p person) visit(what string) traffic.Call {
	switch what {
	case menu:
		begun, answer := time.Now(), p.api.Menu()
		return visited(begun, what, answer, grade(answer, answer.Data.Stale, answer.Data.CustomerInfo.Line == p.line))
	case pastMonth:
		return p.inquire(what, month(1))
	default:
		return p.inquire(what, month(0))
	}
}

func (p person) inquire(what, month string) traffic.Call {
	begun, answer := time.Now(), p.api.Inquire(p.line, month)
	call := visited(begun, what, answer, grade(answer, answer.Data.Stale, p.mine(answer.Data.Bill, month)))
	call.AsOf = answer.Data.AsOf
	return call
}

// mine reports whether a bill is the requested one.
func (p person) mine(bill *api.Bill, month string) bool {
	return bill != nil && bill.Line == p.line && bill.Month == month[:4]+month[5:]
}

// grade classifies an answer; right is whether a successful answer contains what was requested.
func grade[T any](answer api.Answer[T], old, right bool) string {
	code := answer.Failure.Error.Code
	switch {
	case answer.Err != nil:
		return failed
	case answer.Status == http.StatusAccepted:
		return waiting
	case answer.Status == http.StatusOK && right && old:
		return stale
	case answer.Status == http.StatusOK && right:
		return fresh
	case answer.Status != http.StatusServiceUnavailable || retryAfter(answer.Header) < time.Second:
		return failed
	case code == "INQUIRY_IN_PROGRESS":
		return waiting
	}
	return refused
}

// visited records a visit, with the text of an answer other than a bill.
func visited[T any](begun time.Time, what string, answer api.Answer[T], got string) traffic.Call {
	call := traffic.Call{
		Start: begun, Took: answer.Took, Status: answer.Status, Asked: what, Got: got, OK: got == fresh || got == stale,
	}
	if !call.OK {
		call.Reason = answer.String()
	}
	return call
}

// retryAfter returns the Retry-After of an answer, or 0.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// seoul is the time zone of billing months.
var seoul = time.FixedZone("KST", 9*60*60)

// month returns the month n months ago, as YYYY-MM.
func month(n int) string {
	now := time.Now().In(seoul)
	return time.Date(now.Year(), now.Month()-time.Month(n), 1, 0, 0, 0, 0, seoul).Format("2006-01")
}
