package chaos

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/phonebill/phonebill/dev/chaos/internal/stage"
	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/proc"
)

// customer is a well-behaved client: it retries unanswered requests with the same key, and requests
// the next change when the previous one is final.
type customer struct {
	api      *api.Client
	user     string
	line     string
	plan     string   // as known to the customer
	plans    []string // to choose from
	requests []ChangeRequest

	observed []Observed
	answers  map[string]int // number of answers by kind
	done     *progress
}

// login logs in and reads the plans, before any disruption.
func (c *customer) login() error {
	if answer := c.api.Login(c.user, stage.Password); !answer.Succeeded() {
		return fmt.Errorf("login: %s", answer)
	}
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

// run makes all requests, or as many as it can before ctx ends.
func (c *customer) run(ctx context.Context, start time.Time) {
	for _, request := range c.requests {
		if proc.Pause(ctx, time.Until(start.Add(request.At))) != nil {
			return
		}
		observed := Observed{User: c.user, Key: request.Key, Line: c.line, Current: c.plan, Target: c.choose(request)}
		last := c.request(ctx, &observed, request)
		c.observed = append(c.observed, observed)
		if last.Status == api.Completed && !request.Later {
			c.plan = observed.Target
		}
	}
}

func (c *customer) choose(request ChangeRequest) string {
	others := slices.DeleteFunc(slices.Clone(c.plans), func(plan string) bool { return plan == c.plan })
	return others[request.Pick%len(others)]
}

// laterBy is how far in advance a scheduled change is ordered.
const laterBy = 10 * 24 * time.Hour

// request orders a change until it is accepted or refused, and follows it until it is final. It
// returns the last answer.
func (c *customer) request(ctx context.Context, observed *Observed, request ChangeRequest) (last Answer) {
	form := api.ChangeForm{Line: observed.Line, Current: observed.Current, Target: observed.Target}
	if request.Later {
		form.Effective = time.Now().Add(laterBy).UTC().Format(time.DateOnly)
	}
	for ctx.Err() == nil {
		answer := c.api.Change(form, api.How{Key: request.Key, Async: request.Async})
		count(c, "ask", answer)
		switch {
		case answer.Succeeded():
			c.done.add()
			return c.follow(ctx, observed, observed.observe(answer.Data))
		case refusal(answer) != "":
			c.done.add()
			observed.Refusal = refusal(answer)
			return Answer{}
		}
		c.recover(ctx, answer.Status, answer.Header)
	}
	return Answer{}
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
	wait := minWait
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil {
		wait = min(time.Duration(seconds)*time.Second, longestWait)
	}
	_ = proc.Pause(ctx, wait) // the caller checks ctx
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
