package bill

import (
	"context"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Carrier calls KOS. KOS answers for the present customer of a line. The methods return
// the refusals ErrUnknownLine, ErrSuspended and ErrNoBill, and errors that wrap
// ErrUnavailable if KOS gave no usable answer. These also wrap ErrNotCalled if any call
// would fail alike without reaching KOS, or ErrThrottled if KOS refused the call for
// its rate.
type Carrier interface {
	Bill(ctx context.Context, requestID string, line msisdn.Number, month Month) (Bill, error)
	Customer(ctx context.Context, requestID string, line msisdn.Number) (Customer, error)
}

// Cache is a read-through cache of bills. It caches refusals for seconds, with the customer
// of the line, unless they wrap ErrUncacheable. Concurrent misses of one key share one load. The
// load goes on if the context of a caller ends; the caller gets the context's error.
type Cache interface {
	Invalidation
	Refresher

	Bill(ctx context.Context, s Subscription, month Month, load LoadBill) (Bill, error)
}

// LoadBill loads a bill that a Cache does not have. With a refusal it may return a bill that
// has nothing but the customer of the line.
type LoadBill func(context.Context) (Bill, error)

// Refresher replaces cached copies.
type Refresher interface {
	// RefreshBill loads and stores a new copy even if there is one.
	RefreshBill(ctx context.Context, s Subscription, month Month, load LoadBill) (Bill, error)
	// Has reports whether there is a copy of a month.
	Has(ctx context.Context, s Subscription, month Month) bool
}

// Invalidation removes cached copies of months.
type Invalidation interface {
	// Invalidate removes the copies from L1 and writes tombstones to L2, which keep
	// loads that began earlier from restoring them.
	Invalidate(ctx context.Context, s Subscription, months ...Month) error
	// EvictLine removes the copies of all customers of a line from L1.
	EvictLine(line msisdn.Number, months ...Month)
	// EvictSubscription removes the copies from L1.
	EvictSubscription(s Subscription, months ...Month)
	// Listening sets whether this replica receives the invalidations of others. While
	// it does not, it must not use L1.
	Listening(listening bool)
}

// Archive stores KOS's newest bill of each subscription and month.
type Archive interface {
	Moves

	// Find returns a bill or ErrNotArchived.
	Find(ctx context.Context, s Subscription, month Month) (Bill, error)
	// Store stores a bill unless its customer has a newer or a final one.
	Store(ctx context.Context, b Bill) error
	// Invalidate removes the bills of a line and month unless they are final, refuses
	// bills of before at, and notifies all replicas, this one included.
	Invalidate(ctx context.Context, line msisdn.Number, month Month, at time.Time) error
}

// Moves stores which lines were given to other customers.
type Moves interface {
	// RecordMove records that a subscription has ended at a time. Find does not return
	// its open bills of until then. It returns first if that was not recorded, and then
	// notifies all replicas, this one included.
	RecordMove(ctx context.Context, s Subscription, at time.Time) (first bool, err error)
	// CustomersOf returns the customers with stored bills of a line.
	CustomersOf(ctx context.Context, line msisdn.Number) ([]string, error)
}

// History stores the records of inquiries.
type History interface {
	// Append appends a record, or replaces one of the same id that is PROCESSING. It
	// waits up to 50 ms for the commit; later the record is written in the background.
	Append(ctx context.Context, r Record)
	// Find returns a user's own record, or ErrNoInquiry or ErrDatabase.
	Find(ctx context.Context, userID, requestID string) (Record, error)
	// List returns the page that filter selects, or ErrDatabase.
	List(ctx context.Context, filter Filter) (Page, error)
}

// Meter counts inquiries and prefetches.
type Meter interface {
	// Answered counts an inquiry by its answer.
	Answered(how Answer)
	// Prefetched counts a prefetch by its reason and outcome.
	Prefetched(reason, outcome string)
}

// Answer is the kind of an inquiry's answer, as the metrics count it.
type Answer string

// The answers.
const (
	Fresh       Answer = "fresh"
	Stale       Answer = "stale"
	Refused     Answer = "refused"     // by KOS
	Accepted    Answer = "accepted"    // 202, asynchronous
	InProgress  Answer = "in_progress" // still queued after the client's wait
	Full        Answer = "full"        // the queue was full
	Unavailable Answer = "unavailable"
)
