package upgrade

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/proc"
)

// password is the password of the seeded users.
const password = "PhoneBill1!"

// customer is a seeded user with one line. Half of them change their plan, the others inquire.
type customer struct {
	user, line string
	tokens     api.Tokens
	plans      []string // the current plan, and one to change to
	months     []string // those that could be inquired at first, newest first
	month      string   // whose bill is inquired
}

// work is a request that was accepted with 202.
type work struct {
	*customer

	requestID       string
	key             string // of a change
	current, target string // of a change
}

// seed creates customers.
func (w *world) seed(ctx context.Context, count int) error {
	for n := range count {
		w.customers = append(w.customers, &customer{user: fmt.Sprintf("loaduser%07d", n+1), line: fmt.Sprintf("0103%07d", n+1)})
	}
	return errors.Join(w.RunApp(ctx, "auth-service", "seed-demo", "--users", strconv.Itoa(count)), w.behave(false))
}

// client returns a client of a customer at an address.
func (w *world) client(c *customer, url string) *api.Client {
	client := api.New(url, w.transport)
	client.Tokens = c.tokens
	return client
}

// login opens a session, reads the plan of the line from a release, and chooses another plan, and
// the bill of the month that lay age months back at first.
func (r release) login(ctx context.Context, c *customer, age int) error {
	client := r.world.client(c, r.world.URL())
	if answer := repeat(ctx, func() api.Answer[api.Tokens] { return client.Login(c.user, password) }); !answer.Succeeded() {
		return fmt.Errorf("login: %s", answer)
	}
	c.tokens = client.Tokens
	menu := repeat(ctx, r.world.client(c, r.url(bills)).Menu)
	client = r.world.client(c, r.url(products))
	line := repeat(ctx, func() api.Answer[api.Subscription] { return client.Subscription(c.line) })
	offers := repeat(ctx, func() api.Answer[api.Offers] { return client.Offers(line.Data.Current.Code) })
	if !menu.Succeeded() || !line.Succeeded() || !offers.Succeeded() {
		return fmt.Errorf("%s cannot choose: %s; %s; %s", c.user, menu, line, offers)
	}
	if c.months == nil { // a month may begin between two roll-outs
		c.months = menu.Data.AvailableMonths
	}
	c.plans, c.month = []string{line.Data.Current.Code}, c.months[age]
	for _, plan := range offers.Data.Products {
		if plan.Code != c.plans[0] {
			c.plans = append(c.plans, plan.Code)
			return nil
		}
	}
	return fmt.Errorf("%s has no choice of plans", c.user)
}

// submitters is the number of requests that are made at the same time.
const submitters = 8

// each calls a function for every element of a list, several at a time, and returns all errors.
func each[T any](list []T, call func(i int, element T) error) error {
	var group sync.WaitGroup
	slots := make(chan struct{}, submitters)
	faults := make([]error, len(list))
	for i, element := range list {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			faults[i] = call(i, element)
		})
	}
	group.Wait()
	return errors.Join(faults...)
}

// retries bounds the repetitions of a request.
const retries = 60

// repeat repeats a request while the service is unavailable or too busy, such as while it migrates
// its database or on a slow machine.
func repeat[T any](ctx context.Context, request func() api.Answer[T]) (answer api.Answer[T]) {
	for range retries {
		answer = request()
		busy := answer.Err != nil || answer.Status == http.StatusTooManyRequests || answer.Status >= http.StatusInternalServerError
		if !busy || proc.Pause(ctx, time.Second) != nil {
			return answer
		}
	}
	return answer
}

// accepted returns an error unless an answer accepts a request as work in progress.
func accepted[T any](answer api.Answer[T]) error {
	if answer.Status != http.StatusAccepted {
		return fmt.Errorf("not accepted as work in progress: %s", answer)
	}
	return nil
}

// change orders a change at an address and returns the accepted work.
func (w *world) change(ctx context.Context, c *customer, url, key string) (work, error) {
	form := api.ChangeForm{Line: c.line, Current: c.plans[0], Target: c.plans[1]}
	answer := repeat(ctx, func() api.Answer[api.Change] {
		return w.client(c, url).Change(form, api.How{Key: key, Async: true})
	})
	return work{customer: c, requestID: answer.Data.RequestID, key: key, current: form.Current, target: form.Target}, accepted(answer)
}

// inquire inquires a bill at an address and returns the accepted work.
func (w *world) inquire(ctx context.Context, c *customer, url string) (work, error) {
	answer := repeat(ctx, func() api.Answer[api.Result] { return w.client(c, url).InquireAsync(c.line, c.month) })
	return work{customer: c, requestID: answer.Data.RequestID}, accepted(answer)
}

// refused checks that a line with a change in progress refuses another one at an address.
func (w *world) refused(c *customer, url string) error {
	answer := w.client(c, url).Change(api.ChangeForm{Line: c.line, Current: c.plans[0], Target: c.plans[1]}, api.How{Async: true})
	if answer.Status != http.StatusConflict || answer.Failure.Error.Code != "CHANGE_IN_PROGRESS" {
		return fmt.Errorf("a second change of the line of %s: %s", c.user, answer)
	}
	return nil
}
