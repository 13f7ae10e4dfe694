package change

import (
	"context"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Key is what a client names its request by, to be able to repeat it.
type Key struct {
	Text string // "" if the client gave none
	Body []byte // a digest of the order; set by Requests
}

// Acceptance keeps accepted changes.
type Acceptance interface {
	// Accept stores a change, with its key and the queue item that will bring it to
	// KOS, or nothing at all. It returns ErrInProgress if the line has a change that
	// is not final, or was given a new plan after seen was read; and ErrKeyTaken.
	Accept(ctx context.Context, c Change, key Key, seen product.Mark) error
	// Recall returns the request that a user's key stands for, with the digest
	// of what was asked. It returns ErrNoChange if the key is new.
	Recall(ctx context.Context, userID, key string) (requestID string, body []byte, err error)
	// InProgress reports whether the subscription has a change that is not final.
	InProgress(ctx context.Context, s product.Subscription) (bool, error)
	// Await returns a channel that receives when a change of the line has ended.
	// Call stop when the channel is not needed any more.
	Await(line msisdn.Number) (ended <-chan struct{}, stop func())
}

// History is what can be read of changes.
type History interface {
	// Find returns a user's own change, or ErrNoChange.
	Find(ctx context.Context, userID, requestID string) (Change, error)
	// List returns the page that filter chooses.
	List(ctx context.Context, filter Filter) (Page, error)
}

// Attempts is what a Processor needs of the changes.
type Attempts interface {
	// Begin returns a change whose processing begins. One that is not final is
	// Processing from then on. It returns ErrNoChange.
	Begin(ctx context.Context, requestID string) (Change, error)
}

// Attempt is an attempt to bring a change to KOS. The right to order has been taken
// from KOS's limit.
type Attempt struct {
	RequestID string
	// InDoubt says that KOS may have got an order whose outcome is not known.
	InDoubt bool
	// LastAt is when the last attempt began in which KOS may have got an order; zero
	// if there was none.
	LastAt time.Time
}

// Verdict is what an attempt came to.
type Verdict struct {
	Step    Step
	Outcome Outcome // of StepFinished
	Change  Change  // as it was when the attempt began
	// After is when to try again, of StepNotCalled and StepPostponed; 0 is as soon as
	// usual.
	After time.Duration
	Err   error // why the change is not final
}

// Step is what an attempt has led to.
type Step string

// The steps.
const (
	StepFinished   Step = "finished"
	StepNothing    Step = "nothing"    // it was final already, or is not known
	StepUnanswered Step = "unanswered" // KOS may have got the order
	StepNotCalled  Step = "not_called" // KOS takes no calls from anyone
	StepThrottled  Step = "throttled"  // KOS has refused the call for its rate
	StepPostponed  Step = "postponed"  // KOS does not say what must be known first
	StepFailed     Step = "failed"     // by a fault of this service
)

// Outcome is how a change ends.
type Outcome struct {
	Status        Status // Completed or Failed
	ResultCode    string
	ResultMessage string
	// Scheduled says that the plan will change on the change's day, not now.
	Scheduled bool
	At        time.Time
}

// Carrier is KOS, as far as it takes orders. Its methods return a
// *NotAskedError, or an error that wraps ErrNoAnswer.
type Carrier interface {
	// Order asks for a change. The same request is never carried out twice,
	// however often it is ordered.
	Order(ctx context.Context, c Change) (Result, error)
	// Inquire returns what became of an order; found is false if KOS has not
	// accepted one so far.
	Inquire(ctx context.Context, c Change) (result Result, found bool, err error)
}

// Result is KOS's answer to an order.
type Result struct {
	Code      string // OK, or why KOS has refused
	Message   string
	Scheduled bool // the plan changes on the day asked for, which is to come
}

// OK is the code of an order that KOS has accepted.
const OK = "0000"

// Plans are what is known of plans and lines. See product.Plans.
type Plans interface {
	Inspect(ctx context.Context, s product.Subscription, current, target string) (product.Inspection, error)
}

// Lines are what is known of lines. See product.Plans.
type Lines interface {
	// Holds returns nil if KOS says now that the line is the subscription's,
	// product.ErrLineMoved if it is another customer's, or another error.
	Holds(ctx context.Context, s product.Subscription) error
	// Invalidate forgets what is cached of a subscription.
	Invalidate(ctx context.Context, s product.Subscription) error
}

// Meter counts what happens to changes.
type Meter interface {
	// Finished is called with each change that has become final.
	Finished(status Status, resultCode string, took time.Duration)
}
