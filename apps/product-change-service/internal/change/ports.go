package change

import (
	"context"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Key is an idempotency key.
type Key struct {
	Text string // "" if the client sent none
	Body []byte // digest of the order; set by Requests
}

// Acceptance stores accepted changes.
type Acceptance interface {
	// Accept stores a change with its key and its queue item, in one transaction. It
	// returns ErrKeyTaken, or ErrInProgress if the line has a change that is not final,
	// or one that has ended since checked, the version that the order was checked against.
	Accept(ctx context.Context, c Change, key Key, checked product.Version) error
	// FindKey returns the request that a user's key stands for, with the digest of its
	// order. It returns ErrNoChange if the key is new.
	FindKey(ctx context.Context, userID, key string) (requestID string, body []byte, err error)
	// InProgress reports whether the subscription has a change that is not final.
	InProgress(ctx context.Context, s product.Subscription) (bool, error)
	// Await returns a channel that receives when a change of the line has ended.
	// Call stop when the channel is not needed any more.
	Await(line msisdn.Number) (ended <-chan struct{}, stop func())
}

// History reads changes.
type History interface {
	// Find returns a change of the user, or ErrNoChange.
	Find(ctx context.Context, userID, requestID string) (Change, error)
	// List returns the page that filter selects.
	List(ctx context.Context, filter Filter) (Page, error)
}

// Attempts records the attempts of a Processor.
type Attempts interface {
	// Begin counts an attempt and returns its change, which is Processing from then on. It
	// returns ErrNoChange if the change is not known. A final change may be returned, or
	// be ErrNoChange too.
	Begin(ctx context.Context, requestID string) (Change, error)
}

// Attempt is an attempt to apply a change in KOS. The call of its order has been
// admitted.
type Attempt struct {
	RequestID string
	// InDoubt reports whether KOS may have received an order whose outcome is not known.
	InDoubt bool
	// LastAt is when the last attempt began in which KOS may have received an order; zero
	// if there was none.
	LastAt time.Time
	// GiveUp says that the change has waited too long and gets no order any more.
	GiveUp bool
}

// Verdict is the result of an attempt.
type Verdict struct {
	Step    Step
	Outcome Outcome // set with StepFinished
	Change  Change  // as it was when the attempt began
	// After is when to retry, set with StepNotCalled and StepPostponed; 0 for the
	// default of the queue.
	After time.Duration
	Err   error // why the change is not final
}

// Step is the kind of a Verdict.
type Step string

// The steps.
const (
	StepFinished   Step = "finished"
	StepNothing    Step = "nothing"    // the change is final already, or not known
	StepUnanswered Step = "unanswered" // KOS may have received the order
	StepNotCalled  Step = "not_called" // the endpoint cannot be called
	StepThrottled  Step = "throttled"  // KOS answered 429
	StepPostponed  Step = "postponed"  // a call that must come before the order gave no answer
	StepFailed     Step = "failed"     // fault of this service
)

// Outcome is the final result of a change.
type Outcome struct {
	Status        Status // Completed or Failed
	ResultCode    string
	ResultMessage string
	// Scheduled reports whether the plan changes on the change's day, not now.
	Scheduled bool
	At        time.Time
}

// Carrier sends orders to KOS. Its methods return a *NotCalledError, or an error that
// wraps ErrNoAnswer.
type Carrier interface {
	// Order orders a change. It is idempotent: KOS carries out a request id once.
	Order(ctx context.Context, c Change) (Result, error)
	// Inquire returns the result of an order; found is false if KOS has not decided one so
	// far.
	Inquire(ctx context.Context, c Change) (result Result, found bool, err error)
}

// Result is KOS's answer to an order.
type Result struct {
	Code      string // OK, or the refusal of KOS
	Message   string
	Scheduled bool // the plan changes on the day of the order
}

// OK is the code of an order that KOS has accepted.
const OK = "0000"

// Plans checks orders. See product.Plans.
type Plans interface {
	Inspect(ctx context.Context, s product.Subscription, current, target string) (product.Inspection, error)
}

// Lines checks and invalidates lines. See product.Plans.
type Lines interface {
	// CheckHolder returns nil if KOS says now that the subscription's customer holds the
	// line, product.ErrLineMoved if another one does, or another error.
	CheckHolder(ctx context.Context, s product.Subscription) error
	// Invalidate invalidates the cached copies of a subscription.
	Invalidate(ctx context.Context, s product.Subscription) error
}

// Meter counts changes.
type Meter interface {
	// Finished counts a change that has become final.
	Finished(status Status, resultCode string, took time.Duration)
}
