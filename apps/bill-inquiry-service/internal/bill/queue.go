package bill

import (
	"context"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
)

// Queue is the queue of fetches, shared by all replicas. It has one item for each
// subject. Interactive items go before background items; within a class the lines take
// turns.
type Queue interface {
	Enqueuer

	Standings
	Availability
	// Await returns a channel that receives when the fetch of a subject ends or is set
	// aside on any replica. The caller calls stop when it has read enough.
	Await(s Subject) (changed <-chan struct{}, stop func())
}

// Standings returns positions in the queue.
type Standings interface {
	// Standing returns the position of an inquiry's fetch. It returns ErrNotQueued or
	// ErrDatabase.
	Standing(ctx context.Context, requestID string) (Standing, error)
	// FetchStanding returns the position of a fetch. It returns ErrNotQueued or
	// ErrDatabase.
	FetchStanding(ctx context.Context, s Subject) (readthrough.Standing, error)
}

// Availability says whether KOS would be called at once.
type Availability interface {
	// Callable reports whether no outage of an endpoint is known.
	Callable(ctx context.Context, endpoint Endpoint) (bool, error)
	// Busy reports whether a fetch that is enqueued now would wait for others or for
	// KOS's limit.
	Busy(ctx context.Context, endpoint Endpoint) (bool, error)
}

// Enqueuer adds fetches to a Queue.
type Enqueuer interface {
	// EnqueueInquiry stores an inquiry as PROCESSING and enqueues its fetch, in one
	// transaction. It returns ErrQueueFull or ErrDatabase.
	EnqueueInquiry(ctx context.Context, r Record) (Standing, error)
	// Enqueue enqueues a fetch without an inquiry. It returns ErrQueueFull or
	// ErrDatabase.
	Enqueue(ctx context.Context, f Fetch) (Ticket, error)
}

// Fetch is a queued call of KOS.
type Fetch struct {
	Subject

	// Customers are the ids of the customers for whom the answer is stored. KOS decides
	// which of them has the line.
	Customers []string
	// Unattributed is true if replicas of the release before wait for the answer. They
	// do not name the customer.
	Unattributed bool

	RequestID  string // sent to KOS
	Background bool   // no inquiry waits for it
	// Reason is the reason of a prefetch. It stays when an inquiry joins the fetch.
	Reason string
}

// Ticket is the position of a fetch when it was enqueued.
type Ticket struct {
	Added bool // false if it was queued already
	Ahead int  // number of items before it
}

// Standing is the current position of an inquiry's fetch.
type Standing struct {
	readthrough.Standing

	First int // number of items before the fetch when the inquiry was enqueued
}

// Progress returns the progress of the inquiry in percent.
func (s Standing) Progress() int {
	if s.Claimed {
		return 90
	}
	return 10 + 70*max(0, s.First-s.Ahead)/max(1, s.First)
}

// ErrNotQueued is returned for an inquiry that is not queued, or no longer.
var ErrNotQueued = readthrough.ErrNotQueued
