package bill

import (
	"context"
	"errors"
	"time"
)

// Queue is the queue of what KOS is to be asked, shared by all replicas. A subject is
// queued once, however many ask about it. Interactive fetches come before those of the
// background; within a class lines take turns.
type Queue interface {
	// EnqueueInquiry stores an inquiry as processing together with the fetch that will
	// have it answered, or nothing at all. It returns ErrQueueFull or ErrDatabase.
	EnqueueInquiry(ctx context.Context, r Record) (Standing, error)
	// Enqueue queues a fetch that no inquiry waits for. It returns ErrQueueFull or
	// ErrDatabase.
	Enqueue(ctx context.Context, f Fetch) (Ticket, error)
	// Standing returns where the fetch of an inquiry stands. It returns ErrNotQueued or
	// ErrDatabase.
	Standing(ctx context.Context, requestID string) (Standing, error)
	// Callable reports whether an endpoint can be called: no outage is known.
	Callable(ctx context.Context, endpoint Endpoint) (bool, error)
	// Await returns a channel that receives when the fetch of a subject has ended or
	// been set aside, on any replica. Call stop when the channel is not needed any more.
	Await(s Subject) (changed <-chan struct{}, stop func())
}

// Fetch is a question for KOS, as it is queued.
type Fetch struct {
	Subject

	// Customers are the ids of those for whom KOS is asked: whose line it is, KOS says.
	Customers []string
	// Unattributed says that replicas of the release before wait for the answer, for
	// customers whom they do not name.
	Unattributed bool

	RequestID  string // under which KOS is asked
	Background bool   // no customer waits for it
	// Reason is why a background fetch was queued. It stays when a customer begins to
	// wait for it.
	Reason string
}

// Ticket is the place of a fetch when it was enqueued.
type Ticket struct {
	Added bool // false if it was queued already
	Ahead int  // how many come before it
}

// Standing is where a fetch stands.
type Standing struct {
	// Ahead is how many come before it; First how many did when its inquiry came.
	Ahead, First int
	// Estimate is how long it will probably take until KOS has answered.
	Estimate time.Duration
	// Claimed says that KOS is being asked, Unavailable that KOS does not answer or
	// cannot be called.
	Claimed, Unavailable bool
}

// Progress returns how far the inquiry is, in percent.
func (s Standing) Progress() int {
	if s.Claimed {
		return 90
	}
	return 10 + 70*max(0, s.First-s.Ahead)/max(1, s.First)
}

// ErrNotQueued is returned for an inquiry that does not wait (any more).
var ErrNotQueued = errors.New("bill: not queued")
