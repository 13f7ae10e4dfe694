// Package exchange calls KOS and records each call in the processing history.
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

// prefix is the prefix of the paths of KOS's endpoints. The paths have no parameters,
// because the sidecar has a circuit breaker for each path.
const prefix = "/api/kos/"

// Exchange is the record of one call of KOS.
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

// Client calls KOS. See client.Client.
type Client interface {
	Post(ctx context.Context, path string, in any) (client.Answer, error)
	Get(ctx context.Context, path string) (client.Answer, error)
}

// Appender stores records. See Log.
type Appender interface {
	Append(ctx context.Context, e Exchange)
}

// Limit records 429 answers of KOS. See budget.Budget.
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

// Call is a call of KOS, which Limit has admitted.
type Call struct {
	Endpoint  string
	RequestID string
	Line      msisdn.Number
	Body      any // nil: GET
	Limit     Limit
}

// Call makes a call and records it, also if it fails. It returns the result of the client.
// After a 429 it lowers the rate of all replicas.
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

// NotCalled reports whether err is of a call that did not reach KOS: the sidecar's circuit
// breaker is open, or the sidecar has refused the call. Every other call of the endpoint
// would fail in the same way.
func NotCalled(err error) bool {
	failed, ok := errors.AsType[*sidecar.InvokeError](err)
	return ok && (failed.Reason == sidecar.BreakerOpen || failed.Reason == sidecar.Refused)
}
