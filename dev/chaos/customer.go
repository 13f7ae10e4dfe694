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

// customer is an honest client: who gets no answer asks again with the same
// key, and asks for the next change when the last one has come to its end.
type customer struct {
	api    *api.Client
	user   string
	line   string
	plan   string   // as far as the customer knows
	plans  []string // to choose from
	wishes []Wish

	told    []Told
	answers map[string]int // of every kind, how many
	done    *progress
}

// enter logs in and looks at the plans. Nothing is harmed yet.
func (c *customer) enter() error {
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

// live fulfils all wishes, or as many as it can before ctx ends.
func (c *customer) live(ctx context.Context, start time.Time) {
	for _, wish := range c.wishes {
		if proc.Pause(ctx, time.Until(start.Add(wish.At))) != nil {
			return
		}
		told := Told{User: c.user, Key: wish.Key, Line: c.line, Current: c.plan, Target: c.choose(wish)}
		last := c.fulfil(ctx, &told, wish)
		c.told = append(c.told, told)
		if last.Status == api.Completed && !wish.Later {
			c.plan = told.Target
		}
	}
}

func (c *customer) choose(wish Wish) string {
	others := slices.DeleteFunc(slices.Clone(c.plans), func(plan string) bool { return plan == c.plan })
	return others[wish.Pick%len(others)]
}

// laterBy is how far ahead a change for a later day is.
const laterBy = 10 * 24 * time.Hour

// fulfil asks for a change until it is accepted or refused, and follows it to
// its end. It returns the last that it heard.
func (c *customer) fulfil(ctx context.Context, told *Told, wish Wish) (last Answer) {
	form := api.ChangeForm{Line: told.Line, Current: told.Current, Target: told.Target}
	if wish.Later {
		form.Effective = time.Now().Add(laterBy).UTC().Format(time.DateOnly)
	}
	for ctx.Err() == nil {
		answer := c.api.Change(form, api.How{Key: wish.Key, Async: wish.Async})
		count(c, "ask", answer)
		switch {
		case answer.Succeeded():
			c.done.add()
			return c.follow(ctx, told, told.hear(answer.Data))
		case refusal(answer) != "":
			c.done.add()
			told.Refusal = refusal(answer)
			return Answer{}
		}
		c.recover(ctx, answer.Status, answer.Header)
	}
	return Answer{}
}

// follow asks what became of an accepted change until it is final.
func (c *customer) follow(ctx context.Context, told *Told, last Answer) Answer {
	for last.Status != api.Completed && last.Status != api.Failed && last.Status != Unknown {
		if proc.Pause(ctx, glance) != nil {
			return last
		}
		answer := c.api.ChangeResult(last.RequestID)
		count(c, "look", answer)
		switch {
		case answer.Succeeded():
			last = told.hear(answer.Data)
		case answer.Status == http.StatusNotFound && answer.Failure.Error.Code == "CHANGE_NOT_FOUND":
			last = Answer{RequestID: last.RequestID, Status: Unknown}
			told.Answers = append(told.Answers, last)
		default:
			c.recover(ctx, answer.Status, answer.Header)
		}
	}
	return last
}

// hear notes an answer. The same again is noted once.
func (t *Told) hear(change api.Change) Answer {
	answer := Answer{RequestID: change.RequestID, Status: change.Status, Code: change.ResultCode}
	if len(t.Answers) == 0 || t.Answers[len(t.Answers)-1] != answer {
		t.Answers = append(t.Answers, answer)
	}
	return answer
}

// refusal returns why a change was not accepted and will not be, or "".
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
	glance = 500 * time.Millisecond
	// longestWait bounds what Retry-After asks for: people are impatient.
	longestWait = 5 * time.Second
)

// recover waits after an answer that helped nobody, as long as it said, and
// logs in again after one that said so.
func (c *customer) recover(ctx context.Context, status int, header http.Header) {
	if status == http.StatusUnauthorized {
		count(c, "login", c.api.Login(c.user, stage.Password))
	}
	wait := glance
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil {
		wait = min(time.Duration(seconds)*time.Second, longestWait)
	}
	_ = proc.Pause(ctx, wait) // its caller looks at ctx
}

// count notes how a call ended.
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
