// Package exchange makes the calls of KOS and keeps a record of each.
package exchange

import (
	"context"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// prefix is what the paths of KOS's endpoints begin with. They are fixed, since the
// sidecar keeps a circuit breaker for each path.
const prefix = "/api/kos/"

// Exchange is one call of KOS, for the history of processing.
type Exchange struct {
	ID         string // UUID of version 7
	RequestID  string
	Endpoint   string        // product-change, product-inquiry, …
	Line       msisdn.Number // "" if the call concerns none
	ResultCode string        // KOS's, or "" if there was no answer
	Outcome    string        // ANSWERED, BUSY, UNAVAILABLE
	At         time.Time
	Took       time.Duration
}

// Client is the part of client.Client that is used here.
type Client interface {
	Post(ctx context.Context, path string, in any) (client.Answer, error)
	Get(ctx context.Context, path string) (client.Answer, error)
}

// Appender takes the records. See Log.
type Appender interface {
	Append(ctx context.Context, e Exchange)
}

// Limit learns that KOS has refused a call for its rate. See budget.Budget.
type Limit interface {
	Throttled(ctx context.Context, retryAfter time.Duration) error
}

// Caller calls KOS.
type Caller struct {
	client Client
	log    Appender
	now    func() time.Time
	newID  func() string // UUIDs of version 7
}

// NewCaller returns a caller that uses client and appends to log.
func NewCaller(client Client, log Appender, now func() time.Time, newID func() string) *Caller {
	return &Caller{client: client, log: log, now: now, newID: newID}
}

// Call is a call of KOS. The right to make it has been taken from Limit.
type Call struct {
	Endpoint  string
	RequestID string
	Line      msisdn.Number
	Body      any // nil: GET
	Limit     Limit
}

// Call makes a call and records it, be it that it fails. It returns what the client
// returns; when KOS has refused the call for its rate, all replicas slow down.
func (c *Caller) Call(ctx context.Context, call Call) (client.Answer, error) {
	start := c.now()
	answer, err := c.send(ctx, call)
	c.log.Append(ctx, Exchange{
		ID: c.newID(), RequestID: call.RequestID, Endpoint: call.Endpoint, Line: call.Line,
		ResultCode: string(answer.ResultCode), Outcome: outcome(err), At: start, Took: c.now().Sub(start),
	})
	if errors.Is(err, client.ErrBusy) {
		err = errors.Join(err, call.Limit.Throttled(context.WithoutCancel(ctx), problem.From(err).RetryAfter))
	}
	return answer, err
}

func (c *Caller) send(ctx context.Context, call Call) (client.Answer, error) {
	if call.Body == nil {
		return c.client.Get(ctx, prefix+call.Endpoint)
	}
	return c.client.Post(ctx, prefix+call.Endpoint, call.Body)
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "ANSWERED"
	case errors.Is(err, client.ErrBusy):
		return "BUSY"
	}
	return "UNAVAILABLE"
}

// NotCalled reports whether err says that KOS was not called: the sidecar's circuit
// breaker is open, or the sidecar has refused. Every call of the endpoint would fail
// in the same way.
func NotCalled(err error) bool {
	failed, ok := errors.AsType[*sidecar.InvokeError](err)
	return ok && (failed.Reason == sidecar.BreakerOpen || failed.Reason == sidecar.Refused)
}
