package load

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/stage"
)

// Step is a request of a customer.
type Step string

// The steps.
const (
	Login    Step = "login"
	Customer Step = "customer" // and plan, for the first screen
	Menu     Step = "bill menu"
	Inquiry  Step = "inquiry"
	Month    Step = "other month"
	History  Step = "history"
	Plans    Step = "plans"
	Check    Step = "pre-check"
	Change   Step = "change"
	HomePage Step = "portal: home" // the others are of the API
	BillPage Step = "portal: bill"
)

// user is a seeded user with a line and a connection of its own.
type user struct {
	id, line  string
	transport http.RoundTripper
	tokens    api.Tokens
	random    *rand.Rand
	async     bool // sends Prefer: respond-async
	plan      string
	target    string               // another plan of the same operator
	due       time.Time            // when the user acts next
	calls     map[Step]api.Request // of KOS, for Paths
}

// newUser returns the nth user, from 0, with an address of its own, because logins are throttled by
// address.
func newUser(n int) *user {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1+byte(n>>16), byte(n>>8), byte(n))}} //nolint:gosec // three bytes of a small number
	return &user{
		id: stage.User(n), line: stage.Line(n),
		transport: api.Timed(&http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}),
		random:    rand.New(rand.NewPCG(1, uint64(n))), //nolint:gosec // repeatable
	}
}

// request returns the request of a step.
func (u *user) request(step Step) api.Request {
	if call, found := u.calls[step]; found {
		return call
	}
	const bills, plans = "/api/v1/bills/", "/api/v1/products/"
	get := func(path string) api.Request { return api.Request{Method: http.MethodGet, Path: path} }
	post := func(path string, body map[string]string) api.Request {
		return api.Request{Method: http.MethodPost, Path: path, Body: body}
	}
	order := map[string]string{"lineNumber": u.line, "currentProductCode": u.plan, "targetProductCode": u.target}
	switch step {
	case Login:
		return post("/api/v1/auth/login", map[string]string{"userId": u.id, "password": stage.Password})
	case Customer:
		return get(plans + "customer?lineNumber=" + u.line)
	case Menu:
		return get(bills + "menu")
	case Inquiry:
		return post(bills+"inquiry", map[string]string{"lineNumber": u.line})
	case Month:
		return post(bills+"inquiry", map[string]string{"lineNumber": u.line, "inquiryMonth": api.Month(1)})
	case History:
		return get(bills + "history")
	case Plans:
		return get(plans + "available?currentProductCode=" + u.plan)
	case HomePage:
		return u.page("/")
	case BillPage:
		return u.page("/bills")
	case Check:
		return post(plans+"change/validation", order)
	default:
		return post(plans+"change", order)
	}
}

// page returns the request of a page of the portal, with the user's session.
func (u *user) page(path string) api.Request {
	return api.Request{Method: http.MethodGet, Path: path, Header: map[string]string{
		"Accept": "text/html", "Cookie": "access=" + u.tokens.Access,
	}}
}

// reply is an answer, or the reason why there is none.
type reply struct {
	status   int    // 0 without an answer
	kind     string // status and code, for counting
	pending  bool   // to be asked again at location
	location string
	pause    time.Duration // Retry-After; 0 if there is none
}

// staleAnswer is the kind of a success that is stale.
const staleAnswer = "200 stale"

// succeeded reports whether the reply is a complete success.
func (r reply) succeeded() bool { return r.status/100 == 2 && !r.pending }

// refused reports whether the request may be repeated after a pause.
func (r reply) refused() bool { return r.status/100 != 2 && r.pause > 0 }

// send sends a request of a step.
func (u *user) send(base string, step Step, request api.Request) reply {
	if u.async && slices.Contains([]Step{Customer, Inquiry, Month}, step) && request.Header == nil {
		request.Header = map[string]string{"Prefer": "respond-async"}
	}
	client := api.New(base, u.transport)
	client.Tokens = u.tokens
	answer := client.Send(request)
	got := reply{status: answer.Status, kind: strconv.Itoa(answer.Status)}
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
	got.pause = time.Duration(seconds) * time.Second
	switch {
	case answer.Err != nil:
		got.status, got.kind = 0, "no answer: "+cause(answer.Err)
	case answer.Status/100 != 2:
		got.kind += " " + answer.Failure.Error.Code
	case step == Change:
		u.plan, u.target = u.target, u.plan
	case answer.Status == http.StatusAccepted, bytes.Contains(answer.Body, []byte(`"status":"PROCESSING"`)):
		got.pending, got.location = true, answer.Header.Get("Location")
		got.pause = max(got.pause, time.Second)
	default:
		if bytes.Contains(answer.Body, []byte(`"stale":true`)) {
			got.kind = staleAnswer
		}
		if !u.learn(step, answer.Body) {
			got.status, got.kind = 0, "incomplete"
		}
	}
	return got
}

// cause shortens an error to its last part, which is the same for all connections.
func cause(err error) string {
	text := err.Error()
	return text[strings.LastIndex(text, ": ")+1:]
}

// learn reads what later steps need, and reports whether an answer is complete.
func (u *user) learn(step Step, body []byte) bool {
	switch step {
	case Login:
		return json.Unmarshal(body, &u.tokens) == nil && u.tokens.Access != ""
	case Customer:
		if u.plan == "" {
			var found struct{ Data api.Subscription }
			_ = json.Unmarshal(body, &found)
			u.plan = found.Data.Current.Code
		}
	case Plans:
		if u.target == "" {
			var found struct{ Data api.Offers }
			_ = json.Unmarshal(body, &found)
			i := slices.IndexFunc(found.Data.Products, func(p api.Plan) bool { return p.Code != u.plan })
			if i < 0 {
				return false
			}
			u.target = found.Data.Products[i].Code
		}
		return true
	case History, Check, KOSDirect, KOSSidecars:
		return bytes.Contains(body, []byte(`"success":true`))
	case HomePage, BillPage:
		return bytes.Contains(body, []byte("납부 기한")) && !bytes.Contains(body, []byte("data-reload"))
	case Inquiry, Month:
		return bytes.Contains(body, []byte(`"billInfo":{`)) && bytes.Contains(body, []byte(u.line))
	}
	return bytes.Contains(body, []byte(u.line))
}

// perform does a step when it is due, as a client does: it repeats refused requests after Retry-After
// and asks at Location for what is pending, until the step is done or ctx ends. It reports whether
// the step has succeeded.
func (u *user) perform(ctx context.Context, m *meter, base string, step Step) bool {
	request, due, begin := u.request(step), u.due, u.due
	for {
		got := u.send(base, step, request)
		m.answered(step, time.Since(due), got)
		if !got.pending && !got.refused() {
			m.finished(step, time.Since(begin), got)
			return got.succeeded()
		}
		if got.pending && got.location != "" {
			request = api.Request{Method: http.MethodGet, Path: got.location}
		}
		due = time.Now().Add(got.pause)
		if proc.Pause(ctx, got.pause) != nil {
			m.abandoned(step)
			return false
		}
	}
}
