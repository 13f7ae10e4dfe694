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

// kosRequest is a request to a KOS endpoint.
type kosRequest interface {
	// read parses the HTTP request. It returns a badInput for an invalid one.
	read(r *http.Request) error
	// client returns the authenticated client, or token.ErrDenied.
	client(r *http.Request, authority token.Authority) (string, error)
	// subject returns the parts of the request that the call log may contain.
	subject() (requestID string, line msisdn.Number)
	// answer returns the data of the answer, or a *billing.Refusal.
	answer(ctx context.Context, env answerEnv) (any, error)
}

// answerEnv has the inputs of an answer.
type answerEnv struct {
	settings  *settings.Settings
	directory *billing.Directory
	orders    *billing.Orders
	client    string // authenticated client
	today     time.Time
}

// kos returns the handler of an endpoint. newRequest returns an empty request of the endpoint.
// Every call passes the same stages: it is parsed as far as possible, recorded, decided on,
// delayed, and answered.
func (a *API) kos(endpoint behavior.Endpoint, newRequest func() kosRequest) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := &call{api: a, endpoint: endpoint, clientID: behavior.Anonymous, request: newRequest()}
		a.finish(w, r, call, call.serve(r))
	})
}

// call is a call in progress.
type call struct {
	api      *API
	endpoint behavior.Endpoint
	clientID string
	request  kosRequest
	// recorded is the call's record in the log, once it exists.
	recorded behavior.Answer
}

// serve returns the reply to r.
func (c *call) serve(r *http.Request) reply {
	current, err := c.api.Settings.Current(r.Context())
	if err != nil {
		return broken(err)
	}
	authority := token.NewAuthority(current, c.api.Now)
	inputErr := c.request.read(r)
	clientID, authErr := identify(r, c.request, authority)
	if authErr == nil {
		c.clientID = clientID
	}
	decision, err := c.decide(r.Context(), current)
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
		return answered(c.request.answer(r.Context(), c.answerEnv(current)))
	})
	return c.apply(r.Context(), decision, work)
}

// callerHeader contains the app id of the caller. The caller's sidecar sets it and overwrites what
// the app sends.
const callerHeader = "dapr-caller-app-id"

// identify returns the authenticated client, or token.ErrDenied. Credentials and tokens are only
// accepted from the app that they belong to.
func identify(r *http.Request, q kosRequest, authority token.Authority) (string, error) {
	clientID, err := q.client(r, authority)
	if err != nil {
		return "", err
	}
	if app := r.Header.Get(callerHeader); app != "" && app != clientID && clientID != behavior.Anonymous {
		return "", token.ErrDenied
	}
	return clientID, nil
}

// apply carries out the decision. It calls work before the delay, after it, or not at all.
func (c *call) apply(ctx context.Context, decision behavior.Decision, work func() reply) reply {
	if decision.After {
		work()
	}
	if err := c.api.Gate.Wait(ctx, c.endpoint, decision); err != nil {
		return interrupted(err)
	}
	switch {
	case decision.Status == http.StatusTooManyRequests:
		return failed(decision.Status, outcomeLimited).after(decision.RetryAfter)
	case decision.Status != 0:
		return failed(decision.Status, outcomeFault).after(decision.RetryAfter)
	case decision.Drop:
		return dropped()
	}
	return work()
}

func (c *call) answerEnv(current *settings.Settings) answerEnv {
	return answerEnv{
		settings: current, directory: c.api.Directory, orders: c.api.Orders,
		client: c.clientID, today: billing.Today(c.api.Now()),
	}
}

// decide records the call and returns the decision about it.
func (c *call) decide(ctx context.Context, current *settings.Settings) (behavior.Decision, error) {
	requestID, line := c.request.subject()
	at := c.api.Now().Truncate(time.Microsecond) // the database's precision
	decision, err := c.api.Gate.Decide(ctx, behavior.Call{
		Endpoint: c.endpoint, Client: c.clientID, RequestID: requestID, Line: current.Pseudonym(line), At: at,
	}, current.Endpoints[c.endpoint])
	c.recorded = behavior.Answer{CallID: decision.CallID, CalledAt: at}
	return decision, err
}

// finish records the reply and writes it.
func (a *API) finish(w http.ResponseWriter, r *http.Request, c *call, reply reply) {
	a.calls.WithLabelValues(string(c.endpoint), c.clientID, reply.outcome).Inc()
	telemetry.Annotate(r.Context(), slog.String("client", c.clientID),
		slog.String("result_code", reply.code), slog.String("outcome", reply.outcome))
	if reply.fault != nil {
		telemetry.RecordError(r.Context(), reply.fault)
	}
	if c.recorded.CallID != 0 && reply.status != 0 {
		c.recorded.Status, c.recorded.ResultCode = reply.status, reply.code
		a.Answers.Append(r.Context(), c.recorded)
	}
	reply.write(w)
}

// byToken is the part of a request that authenticates with a token.
type byToken struct{}

func (byToken) client(r *http.Request, authority token.Authority) (string, error) {
	text, err := bearer.Token(r.Header)
	if err != nil {
		return "", token.ErrDenied
	}
	return authority.Verify(text)
}
