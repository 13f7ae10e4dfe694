package bill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Endpoint is one of KOS's. Each has a limit and a line of its own.
type Endpoint string

// The endpoints that inquiries need.
const (
	BillInquiry    Endpoint = "bill-inquiry"
	ProductInquiry Endpoint = "product-inquiry"
)

// AtOnce is how many of a minute's calls of an endpoint may be made at once: few,
// because what is kept back for that is missing where many wait. A thousand
// customers who come together are served in 11 minutes only if nearly all of
// KOS's limit flows steadily.
func AtOnce(perMinute int) int { return max(1, perMinute/32) }

// Subject is what KOS is asked about: a line's bill of a month or, without a
// month, who holds the line.
type Subject struct {
	Line  msisdn.Number
	Month Month
}

// Endpoint returns the one that answers.
func (s Subject) Endpoint() Endpoint {
	if s.Month == "" {
		return ProductInquiry
	}
	return BillInquiry
}

// Key tells subjects apart where a line must not be seen.
func (s Subject) Key() string {
	sum := sha256.Sum256([]byte(s.Line.Digits() + " " + string(s.Month)))
	return hex.EncodeToString(sum[:16])
}

// Class says who goes first.
type Class int

// The classes. Background work gets only what is spare, and nothing while
// somebody waits.
const (
	Interactive Class = iota
	Background
)

// String names the class in metrics.
func (c Class) String() string {
	if c == Background {
		return "background"
	}
	return "interactive"
}

// Passage is whether KOS may be asked at once.
type Passage int

// The passages.
const (
	Granted  Passage = iota // and one call is taken from the budget
	MustWait                // others wait, or the budget is spent
	Resting                 // KOS takes no questions for the moment
)

// Gate stands before KOS, for all replicas.
type Gate interface {
	// Pass says whether KOS may be asked at once, without waiting in line.
	Pass(ctx context.Context, endpoint Endpoint) (Passage, error)
	// Rest keeps everybody from asking for a while: they would meet the same.
	Rest(ctx context.Context, endpoint Endpoint, pause time.Duration) error
}

// Queue is the line in which questions wait for KOS, for all replicas. Who asks
// the same joins who waits for it already.
//
// Interactive questions go before those of the background. Within a class lines
// take turns: a line's second question comes after everybody's first. Whoever
// has waited for a minute is not passed by newcomers any more.
type Queue interface {
	// Enter writes an inquiry down as processing, with everything that will have
	// it answered, or nothing at all. It returns ErrLineFull or ErrDatabase.
	Enter(ctx context.Context, r Record) (Place, error)
	// Want has a subject asked for that no inquiry waits for. It returns false
	// if it is waited for already, ErrLineFull or ErrDatabase.
	Want(ctx context.Context, w Wish) (bool, error)
	// Place returns where an inquiry stands. It returns ErrNotWaiting or
	// ErrDatabase.
	Place(ctx context.Context, requestID string) (Place, error)
}

// Wish is what somebody may need soon.
type Wish struct {
	Subject

	// Customers are the ids of those for whom it is: whose line it is, KOS says.
	Customers []string
	// Unattributed says that replicas of the release before wait for it, for
	// customers whom they do not name.
	Unattributed bool

	RequestID string // KOS is asked under it
	Class     Class
	// Refresh asks KOS though an answer is known.
	Refresh bool
	// Reason is why it may be needed, of background work.
	Reason string
}

// refused returns err as the answer to this wish.
func (w Wish) refused(err error) error {
	if w.Class == Background && isAnswer(err) {
		return fmt.Errorf("%w: %w", ErrUnasked, err)
	}
	return err
}

// Place is where a question stands in line.
type Place struct {
	// Ahead is how many go before it; First how many did when its inquiry came.
	Ahead, First int
	// Estimate is how long it will probably take to be answered.
	Estimate time.Duration
	// Begun says that KOS is being asked.
	Begun bool
}

// Progress tells people how far it is, in percent.
func (p Place) Progress() int {
	if p.Begun {
		return 90
	}
	return 10 + 70*max(0, p.First-p.Ahead)/max(1, p.First)
}

// Turns is the same line, seen by those who ask KOS.
type Turns interface {
	// Standing returns where a question stands, or ErrNotWaiting.
	Standing(ctx context.Context, fetchID int64) (Place, error)
	// Take gives the first in line to the caller, with the right to one call, if
	// there is one to be had.
	Take(ctx context.Context, endpoint Endpoint) (Turn, error)
	// Finish ends a question in one piece with the inquiries that wait for it,
	// which settle returns as they end, and wakes their clients. Answered says
	// that KOS takes questions.
	Finish(ctx context.Context, t Turn, answered bool, settle func(Record) Record) error
	// Return puts a question back to its place. With a pause others may pass it
	// meanwhile.
	Return(ctx context.Context, t Turn, pause time.Duration) error
}

// Turn is the right to ask KOS a question.
type Turn struct {
	// Granted is false if there is nothing to ask or the budget is spent; Wait
	// is then when to look again, at the latest.
	Granted bool
	Wait    time.Duration
	// Nobody says that there is nothing to ask.
	Nobody bool

	Wish
	FetchID int64
	Since   time.Time // when it came
	// Tries is how often KOS has left it without an answer; FailingSince since
	// when, zero if it has not.
	Tries        int
	FailingSince time.Time
}

// ErrNotWaiting is returned for what is not in line (any more).
var ErrNotWaiting = errors.New("bill: not in line")
