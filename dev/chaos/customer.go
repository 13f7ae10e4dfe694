package chaos

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/stage"
)

// customer is a well-behaved client that changes plans: it retries unanswered requests with the
// same key, and requests the next change when the previous one is final.
type customer struct {
	*client

	requests []ChangeRequest
	observed []Observed
	answers  map[string]int // number of answers by kind
	done     *atomic.Int64  // number of requests of all customers that were accepted or refused
}

// run makes all requests, or as many as it can before ctx ends.
func (c *customer) run(ctx context.Context, start time.Time) {
	for _, request := range c.requests {
		if proc.Pause(ctx, time.Until(start.Add(request.At))) != nil {
			return
		}
		observed := c.intend(request)
		last := c.request(ctx, &observed, request)
		c.observed = append(c.observed, observed)
		if last.Status == api.Completed && !request.Later {
			c.plan = observed.Target
		}
	}
}

// intend returns what the customer is about to request.
func (c *customer) intend(request ChangeRequest) Observed {
	others := slices.DeleteFunc(slices.Clone(c.plans), func(plan string) bool { return plan == c.plan })
	return Observed{User: c.user, Key: request.Key, Line: c.line, Current: c.plan, Target: others[request.Pick%len(others)]}
}

// laterBy is how far in advance a scheduled change is ordered.
const laterBy = 10 * 24 * time.Hour

// request orders a change until it is accepted or refused, and follows it until it is final. It
// returns the last answer.
func (c *customer) request(ctx context.Context, observed *Observed, request ChangeRequest) (last Answer) {
	for ctx.Err() == nil {
		answer := c.order(observed, request)
		switch {
		case answer.Succeeded():
			c.done.Add(1)
			return c.follow(ctx, observed, observed.Answers[len(observed.Answers)-1])
		case refusal(answer) != "":
			c.done.Add(1)
			observed.Refusal = refusal(answer)
			return Answer{}
		}
		c.recover(ctx, answer.Status, answer.Header)
	}
	return Answer{}
}

// order sends the request once.
func (c *customer) order(observed *Observed, request ChangeRequest) api.Answer[api.Change] {
	form := api.ChangeForm{Line: observed.Line, Current: observed.Current, Target: observed.Target}
	if request.Later {
		form.Effective = time.Now().Add(laterBy).UTC().Format(time.DateOnly)
	}
	answer := c.api.Change(form, api.How{Key: request.Key, Async: request.Async})
	count(c, "ask", answer)
	if answer.Succeeded() {
		observed.observe(answer.Data)
	}
	return answer
}

// follow polls an accepted change until it is final.
func (c *customer) follow(ctx context.Context, observed *Observed, last Answer) Answer {
	for last.Status != api.Completed && last.Status != api.Failed && last.Status != Unknown {
		if proc.Pause(ctx, minWait) != nil {
			return last
		}
		answer := c.api.ChangeResult(last.RequestID)
		count(c, "look", answer)
		switch {
		case answer.Succeeded():
			last = observed.observe(answer.Data)
		case answer.Status == http.StatusNotFound && answer.Failure.Error.Code == "CHANGE_NOT_FOUND":
			last = Answer{RequestID: last.RequestID, Status: Unknown}
			observed.Answers = append(observed.Answers, last)
		default:
			c.recover(ctx, answer.Status, answer.Header)
		}
	}
	return last
}

// observe records an answer, unless it equals the last one.
func (t *Observed) observe(change api.Change) Answer {
	answer := Answer{RequestID: change.RequestID, Status: change.Status, Code: change.ResultCode}
	if len(t.Answers) == 0 || t.Answers[len(t.Answers)-1] != answer {
		t.Answers = append(t.Answers, answer)
	}
	return answer
}

// refusal returns the code with which a change was finally refused, or "".
func refusal(answer api.Answer[api.Change]) string {
	code := answer.Failure.Error.Code
	switch answer.Status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity:
		return code
	case http.StatusConflict:
		if code != "CHANGE_IN_PROGRESS" {
			return code
		}
	}
	return ""
}

const (
	minWait = 500 * time.Millisecond
	// longestWait limits the observed Retry-After.
	longestWait = 5 * time.Second
)

// recover waits after an unsuccessful answer as long as Retry-After says, and logs in again after a
// 401.
func (c *customer) recover(ctx context.Context, status int, header http.Header) {
	if status == http.StatusUnauthorized {
		count(c, "login", c.api.Login(c.user, stage.Password))
	}
	_ = proc.Pause(ctx, min(max(retryAfter(header), minWait), longestWait)) // the caller checks ctx
}

// count records the result of a call.
func count[T any](c *customer, call string, answer api.Answer[T]) {
	how := strconv.Itoa(answer.Status)
	switch {
	case answer.Status == 0:
		how = "no answer"
	case !answer.Succeeded() && answer.Failure.Error.Code != "":
		how += " " + answer.Failure.Error.Code
	}
	c.answers[call+": "+how]++
}
