package change

import (
	"context"
	"time"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Key is what a client names its request by, to be able to repeat it.
type Key struct {
	Text string // "" if the client gave none
	Body []byte // a digest of the order; set by Requests
}

// Book is where accepted changes are written down.
type Book interface {
	// Accept writes a change down, with its key and everything that will bring
	// it to KOS, or nothing at all. It returns ErrInProgress if the line has a
	// change that is not final, and ErrKeyTaken.
	Accept(ctx context.Context, c Change, key Key) error
	// Recall returns the request that a user's key stands for, with the digest
	// of what was asked. It returns ErrNoChange if the key is new.
	Recall(ctx context.Context, userID, key string) (requestID string, body []byte, err error)
	// Busy reports whether the subscription has a change that is not final.
	Busy(ctx context.Context, s product.Subscription) (bool, error)
}

// History is what can be read of changes.
type History interface {
	// Find returns a user's own change, or ErrNoChange.
	Find(ctx context.Context, userID, requestID string) (Change, error)
	// List returns the page that filter chooses.
	List(ctx context.Context, filter Filter) (Page, error)
}

// Queue is the line in which accepted changes wait for KOS, in the order in
// which they came. All replicas share it.
type Queue interface {
	// Load returns a change and its place. It returns ErrNoChange.
	Load(ctx context.Context, requestID string) (Place, error)
	// TakeTurn lets a change go to KOS: nobody waits before it, and the right
	// to one call has been taken from KOS's limit. If it may not go, nothing
	// has been taken, and Turn tells why.
	TakeTurn(ctx context.Context, p Place) (Turn, error)
	// Rest puts a change back until it is looked after again.
	Rest(ctx context.Context, p Place, r Rest) error
	// Finish ends a change, in one piece with all that follows from its end. It
	// returns false if the change was final already.
	Finish(ctx context.Context, p Place, outcome Outcome) (bool, error)
}

// Place is a change and where it stands.
type Place struct {
	Change
	// Asked says that KOS may have got an order whose outcome is not known.
	Asked bool
	// AskedAt is when KOS was last given an order; zero if it never was.
	AskedAt time.Time
	// Unanswered is how often in a row KOS has left it without an answer.
	Unanswered int
	// Ahead is how many wait before it; AheadWaits why the first of them does.
	Ahead      int
	AheadWaits Reason
	// AheadRests says that some of them are resting, and not just about to go.
	AheadRests bool
}

// Turn is whether a change may go to KOS.
type Turn struct {
	// Granted is false if others are before it, if KOS's limit is used up, or
	// if the change has become final.
	Granted bool
	// Ahead is how many wait before it.
	Ahead int
	// Limited is how long the limit will be used up; 0 if it is not.
	Limited time.Duration
}

// Rest is how a change waits.
type Rest struct {
	Reason Reason
	Until  time.Time
	// Asked and Unanswered are those of Place.
	Asked      bool
	Unanswered int
	// Aside lets others pass: it may be this change alone that KOS does not
	// answer.
	Aside bool
}

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
	// Attempted is called each time a change was looked after.
	Attempted(step Step)
	// Finished is called with each change that has become final.
	Finished(status Status, resultCode string, took time.Duration)
}

// Step is what looking after a change has led to.
type Step string

// The steps.
const (
	StepFinished  Step = "finished"
	StepQueued    Step = "queued"
	StepLimited   Step = "limited"
	StepNotAsked  Step = "not_asked"
	StepNoAnswer  Step = "no_answer"
	StepUndecided Step = "undecided"      // KOS cannot say yet
	StepUnknown   Step = "unknown_holder" // KOS does not say whose the line is
	StepNothing   Step = "nothing"        // it was final already
)
