package bill

import (
	"context"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Carrier is KOS. What it says of a line is its present customer's, whoever
// asked. Its methods return ErrUnknownLine, ErrSuspended or ErrNoBill
// as KOS decides, and errors that wrap ErrUnavailable when KOS did not answer:
// ErrNotAsked too if every call would fail alike without reaching KOS, ErrMustWait too
// if KOS has refused the call for its rate.
type Carrier interface {
	Bill(ctx context.Context, requestID string, line msisdn.Number, month Month) (Bill, error)
	Customer(ctx context.Context, requestID string, line msisdn.Number) (Customer, error)
}

// Cache keeps bills and customers for a while, and refusals for a moment, unless
// they wrap ErrUnasked.
// Callers that miss the same thing at the same time share one load, which goes
// on when they leave; they then get their context's error.
type Cache interface {
	Invalidation
	Renewal

	Bill(ctx context.Context, s Subscription, month Month, load LoadBill) (Bill, error)
	Customer(ctx context.Context, s Subscription, load LoadCustomer) (Customer, error)
}

// LoadBill gets a bill that a Cache does not have.
type LoadBill func(context.Context) (Bill, error)

// LoadCustomer gets a customer that a Cache does not have.
type LoadCustomer func(context.Context) (Customer, error)

// Renewal makes a Cache replace what it has.
type Renewal interface {
	// RenewBill and RenewCustomer load though something is known.
	RenewBill(ctx context.Context, s Subscription, month Month, load LoadBill) (Bill, error)
	RenewCustomer(ctx context.Context, s Subscription, load LoadCustomer) (Customer, error)
	// Knows reports whether nothing need be loaded of a month, or of TheCustomer.
	Knows(ctx context.Context, s Subscription, month Month) bool
}

// Invalidation makes a Cache forget bills of some months; TheCustomer is one.
type Invalidation interface {
	// Invalidate forgets them here and in what the replicas share, so that no
	// load that began earlier brings them back.
	Invalidate(ctx context.Context, s Subscription, months ...Month) error
	// Forget forgets them here only, whoever the line's customer is.
	Forget(line msisdn.Number, months ...Month)
	// ForgetSubscription forgets them here only.
	ForgetSubscription(s Subscription, months ...Month)
	// Listening says whether this replica is told what others invalidate. While
	// it is not, it must keep nothing to itself.
	Listening(told bool)
}

// Archive keeps the newest bill that KOS told of each subscription and month.
type Archive interface {
	ArchiveWriter
	Moves

	// Find returns a bill or ErrNotKept.
	Find(ctx context.Context, s Subscription, month Month) (Bill, error)
	// Forget drops a bill that is not final, keeps out those asked for before
	// at, and tells every replica, this one included, that the line changed.
	Forget(ctx context.Context, line msisdn.Number, month Month, at time.Time) error
}

// ArchiveWriter stores bills.
type ArchiveWriter interface {
	// Keep stores a bill of its customer unless a newer or a final one is there.
	Keep(ctx context.Context, b Bill) error
	// KeepUnattributed stores a bill where replicas of the release before look
	// for it, by its line and month alone.
	KeepUnattributed(ctx context.Context, b Bill) error
}

// Moves keeps which lines were given to other customers.
type Moves interface {
	// Moved notes that a subscription has ended: its bills that are not final and
	// were kept until then are not found any more. It reports whether that is new,
	// and then tells every replica, this one included.
	Moved(ctx context.Context, s Subscription, at time.Time) (first bool, err error)
	// Holders returns the customers of whom bills of a line are kept.
	Holders(ctx context.Context, line msisdn.Number) ([]string, error)
}

// History keeps the records of inquiries.
type History interface {
	// Append hands over a record. One with a known id replaces it, but only
	// while that is still processing. It waits for the commit for a moment at
	// most; the record is written in any case that leaves the process alive.
	Append(ctx context.Context, r Record)
	// Find returns a user's own record, or ErrNoInquiry or ErrDatabase.
	Find(ctx context.Context, userID, requestID string) (Record, error)
	// List returns the page that filter chooses, or ErrDatabase.
	List(ctx context.Context, filter Filter) (Page, error)
}

// Meter counts what happens to inquiries.
type Meter interface {
	// Answered is called with each inquiry and how it was answered.
	Answered(how Answer)
	// Prefetched is called with what was done about something that may be needed
	// soon, and why it may.
	Prefetched(reason, outcome string)
}

// Answer is how an inquiry was answered.
type Answer string

// The answers.
const (
	Fresh       Answer = "fresh"
	Stale       Answer = "stale"
	Refused     Answer = "refused"     // by KOS: no such bill
	Accepted    Answer = "accepted"    // the client did not want to wait
	InProgress  Answer = "in_progress" // the client has waited long enough
	Full        Answer = "full"        // the queue was full
	Unavailable Answer = "unavailable"
)
