package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/internal/bearer"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/settings"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/token"
)

// question is what a caller asks of an endpoint.
type question interface {
	// read takes the question from the request. It returns a badInput for one
	// that cannot be understood.
	read(r *http.Request) error
	// client returns who asks, or token.ErrDenied.
	client(r *http.Request, authority token.Authority) (string, error)
	// subject returns what the log of calls may know about the question.
	subject() (requestID string, line msisdn.Number)
	// answer returns the data of the answer. It returns a *billing.Refusal for
	// what KOS refuses.
	answer(ctx context.Context, d desk) (any, error)
}

// desk is what answers are made from.
type desk struct {
	settings  *settings.Settings
	directory *billing.Directory
	orders    *billing.Orders
	client    string // who asks
	today     time.Time
}

// kos returns the handler of an endpoint whose questions start as blank makes
// them. Every call goes the same way: it is understood as far as possible,
// recorded and judged, made to wait, and answered.
func (a *API) kos(endpoint behavior.Endpoint, blank func() question) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := &call{api: a, endpoint: endpoint, clientID: behavior.Anonymous, question: blank()}
		a.finish(w, r, call, call.serve(r))
	})
}

// call is one call on its way.
type call struct {
	api      *API
	endpoint behavior.Endpoint
	clientID string
	question question
	// recorded is the call's place in the log, once it has one.
	recorded behavior.Answer
}

// serve returns the reply to r.
func (c *call) serve(r *http.Request) reply {
	current, err := c.api.Settings.Current(r.Context())
	if err != nil {
		return broken(err)
	}
	authority := token.NewAuthority(current, c.api.Now)
	inputErr := c.question.read(r)
	clientID, authErr := identify(r, c.question, authority)
	if authErr == nil {
		c.clientID = clientID
	}
	verdict, err := c.judge(r.Context(), current)
	if err != nil {
		return broken(err)
	}
	work := sync.OnceValue(func() reply {
		switch {
		case authErr != nil:
			return failed(http.StatusUnauthorized, outcomeDenied)
		case inputErr != nil:
			return badRequest(inputErr)
		}
		return answered(c.question.answer(r.Context(), c.desk(current)))
	})
	return c.follow(r.Context(), verdict, work)
}

// callerHeader is where a sidecar says which app calls. The app itself cannot:
// its sidecar overwrites it.
const callerHeader = "dapr-caller-app-id"

// identify returns who asks, or token.ErrDenied. Credentials and tokens are of
// use to the app that they belong to, and to no other that got hold of them.
func identify(r *http.Request, q question, authority token.Authority) (string, error) {
	clientID, err := q.client(r, authority)
	if err != nil {
		return "", err
	}
	if app := r.Header.Get(callerHeader); app != "" && app != clientID && clientID != behavior.Anonymous {
		return "", token.ErrDenied
	}
	return clientID, nil
}

// follow gives the call what the verdict says. The work is done before the
// verdict's time passes or after it, or never.
func (c *call) follow(ctx context.Context, verdict behavior.Verdict, work func() reply) reply {
	if verdict.After {
		work()
	}
	if err := c.api.Gate.Wait(ctx, c.endpoint, verdict); err != nil {
		return interrupted(err)
	}
	switch {
	case verdict.Status == http.StatusTooManyRequests:
		return failed(verdict.Status, outcomeLimited).after(verdict.RetryAfter)
	case verdict.Status != 0:
		return failed(verdict.Status, outcomeFault).after(verdict.RetryAfter)
	case verdict.Drop:
		return dropped()
	}
	return work()
}

func (c *call) desk(current *settings.Settings) desk {
	return desk{
		settings: current, directory: c.api.Directory, orders: c.api.Orders,
		client: c.clientID, today: billing.Today(c.api.Now()),
	}
}

// judge records the call and returns what it gets.
func (c *call) judge(ctx context.Context, current *settings.Settings) (behavior.Verdict, error) {
	requestID, line := c.question.subject()
	at := c.api.Now().Truncate(time.Microsecond) // as exact as the database
	verdict, err := c.api.Gate.Judge(ctx, behavior.Call{
		Endpoint: c.endpoint, Client: c.clientID, RequestID: requestID, Line: current.Pseudonym(line), At: at,
	}, current.Endpoints[c.endpoint])
	c.recorded = behavior.Answer{CallID: verdict.CallID, CalledAt: at}
	return verdict, err
}

// finish writes the reply, once the log knows it.
func (a *API) finish(w http.ResponseWriter, r *http.Request, c *call, reply reply) {
	a.calls.WithLabelValues(string(c.endpoint), c.clientID, reply.outcome).Inc()
	telemetry.Annotate(r.Context(), slog.String("client", c.clientID),
		slog.String("result_code", reply.code), slog.String("outcome", reply.outcome))
	if reply.fault != nil {
		telemetry.Fault(r.Context(), reply.fault)
	}
	if c.recorded.CallID != 0 && reply.status != 0 {
		c.recorded.Status, c.recorded.ResultCode = reply.status, reply.code
		a.Answers.Append(r.Context(), c.recorded)
	}
	reply.write(w)
}

// byToken is the part of a question that proves who asks by a token.
type byToken struct{}

func (byToken) client(r *http.Request, authority token.Authority) (string, error) {
	text, err := bearer.Token(r.Header)
	if err != nil {
		return "", token.ErrDenied
	}
	return authority.Verify(text)
}
