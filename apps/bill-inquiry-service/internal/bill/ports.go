package bill

import (
	"context"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Carrier is KOS. Its methods return ErrUnknownLine, ErrSuspended or ErrNoBill
// as KOS decides, errors that wrap ErrUnavailable when KOS did not answer, and
// ErrNotAsked too if it was not even asked; or ErrMustWait if it was asked too
// often.
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

	Bill(ctx context.Context, line msisdn.Number, month Month, load LoadBill) (Bill, error)
	Customer(ctx context.Context, line msisdn.Number, load LoadCustomer) (Customer, error)
}

// LoadBill gets a bill that a Cache does not have.
type LoadBill func(context.Context) (Bill, error)

// LoadCustomer gets a customer that a Cache does not have.
type LoadCustomer func(context.Context) (Customer, error)

// Renewal makes a Cache replace what it has.
type Renewal interface {
	// RenewBill and RenewCustomer load though something is known.
	RenewBill(ctx context.Context, line msisdn.Number, month Month, load LoadBill) (Bill, error)
	RenewCustomer(ctx context.Context, line msisdn.Number, load LoadCustomer) (Customer, error)
	// Knows reports whether nothing need be loaded.
	Knows(ctx context.Context, s Subject) bool
}

// Invalidation makes a Cache forget a line: its bills of some months and its
// customer.
type Invalidation interface {
	// Invalidate forgets them here and in what the replicas share, so that no
	// load that began earlier brings them back.
	Invalidate(ctx context.Context, line msisdn.Number, months ...Month) error
	// Forget forgets them here only.
	Forget(line msisdn.Number, months ...Month)
	// Listening says whether this replica is told what others invalidate. While
	// it is not, it must keep nothing to itself.
	Listening(told bool)
}

// Archive keeps the newest bill that KOS told of each line and month.
type Archive interface {
	// Find returns a bill or ErrNotKept.
	Find(ctx context.Context, line msisdn.Number, month Month) (Bill, error)
	// Keep stores a bill unless a newer or a final one is there.
	Keep(ctx context.Context, b Bill) error
	// Forget drops a bill that is not final, keeps out those asked for before
	// at, and tells every replica, this one included, that the line changed.
	Forget(ctx context.Context, line msisdn.Number, month Month, at time.Time) error
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
	// Fetched is called when KOS was asked what waited in line, with what came
	// of it and how long it had waited.
	Fetched(class Class, outcome string, waited time.Duration)
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
	Full        Answer = "full"        // there was no room in line
	Unavailable Answer = "unavailable"
)
