package chaos

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/stage"
	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// Kinds of requests (traffic.Call.Asked).
const (
	thisMonth = "this month"
	pastMonth = "past month"
	menu      = "menu"
	progress  = "progress" // of an inquiry
	catalogue = "catalogue"
	history   = "history" // of plan changes
)

// Kinds of answers (traffic.Call.Got).
const (
	fresh   = "fresh"
	stale   = "stale"   // marked stale
	waiting = "waiting" // 202, 503 INQUIRY_IN_PROGRESS, or still queued
	refused = "503"     // with Retry-After
	failed  = "failed"  // anything else
)

// client is a seeded user with a line.
type client struct {
	api   *api.Client
	user  string
	line  string
	plan  string   // as known to the customer
	plans []string // to choose from
}

// client returns the nth seeded user, from 0, who has not logged in.
func (r *run) client(n int) *client {
	return &client{api: api.New(r.System.URL(), r.transport), user: stage.User(n), line: stage.Line(n)}
}

// login logs in, with retries after 429.
func (c *client) login(ctx context.Context) error {
	for {
		answer := c.api.Login(c.user, stage.Password)
		if answer.Succeeded() {
			return nil
		}
		if answer.Status != http.StatusTooManyRequests || proc.Pause(ctx, until(answer.Header)) != nil {
			return fmt.Errorf("login: %s", answer)
		}
	}
}

// readPlans reads the line's plan and the plans to choose from.
func (c *client) readPlans() error {
	mine := c.api.Subscription(c.line)
	if !mine.Succeeded() {
		return fmt.Errorf("plan of a line: %s", mine)
	}
	c.plan = mine.Data.Current.Code
	offers := c.api.Offers(c.plan)
	if !offers.Succeeded() {
		return fmt.Errorf("offers: %s", offers)
	}
	for _, plan := range offers.Data.Products {
		c.plans = append(c.plans, plan.Code)
	}
	slices.Sort(c.plans)
	if len(c.plans) < 2 {
		return fmt.Errorf("%s has no choice of plans", c.user)
	}
	return nil
}

// warmUp sends all kinds of a regular's requests until they are answered.
func (c *client) warmUp(ctx context.Context, asks []string) error {
	for _, what := range slices.Compact(slices.Sorted(slices.Values(asks))) {
		for got := c.visit(what); got.Got != fresh; got = c.visit(what) {
			if err := proc.Pause(ctx, time.Second); err != nil {
				return fmt.Errorf("%w; a regular asked for its %s: %s", err, what, got.Reason)
			}
		}
	}
	return nil
}

// visit sends a request of a kind.
func (c *client) visit(what string) traffic.Call {
	begun := time.Now()
	switch what {
	case menu:
		answer := c.api.Menu()
		return visited(begun, what, answer, grade(answer, answer.Data.Stale, answer.Data.CustomerInfo.Line == c.line))
	case catalogue:
		answer := c.api.Offers(c.plan)
		return visited(begun, what, answer, grade(answer, false, true))
	case history:
		answer := c.api.Changes("")
		return visited(begun, what, answer, grade(answer, false, true))
	case pastMonth:
		return c.inquire(what, api.Month(1))
	default:
		return c.inquire(what, api.Month(0))
	}
}

func (c *client) inquire(what, month string) traffic.Call {
	begun, answer := time.Now(), c.api.Inquire(c.line, month)
	call := visited(begun, what, answer, grade(answer, answer.Data.Stale, c.mine(answer.Data.Bill, month)))
	call.AsOf = answer.Data.AsOf
	return call
}

// mine reports whether a bill is the requested one.
func (c *client) mine(bill *api.Bill, month string) bool {
	return bill != nil && bill.Line == c.line && bill.Month == month[:4]+month[5:]
}

// grade classifies an answer; right is whether a successful answer contains what was requested.
func grade[T any](answer api.Answer[T], old, right bool) string {
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
	case answer.Failure.Error.Code == "INQUIRY_IN_PROGRESS":
		return waiting
	}
	return refused
}

// visited records a visit, with the text of an answer that is not what was requested.
func visited[T any](begun time.Time, what string, answer api.Answer[T], got string) traffic.Call {
	call := traffic.Call{
		Start: begun, Took: answer.Took, Status: answer.Status, Asked: what, Got: got, OK: got == fresh || got == stale,
	}
	if !call.OK {
		call.Reason = answer.String()
	}
	return call
}

// afterFailure is the retry interval without Retry-After.
const afterFailure = time.Second

// until returns how long to wait before a retry.
func until(header http.Header) time.Duration { return max(retryAfter(header), afterFailure) }

// retryAfter returns the Retry-After of an answer, or 0.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
