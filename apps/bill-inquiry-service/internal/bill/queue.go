package bill

import (
	"context"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
)

// Queue is the queue of fetches, shared by all replicas. It has one item for each bill.
// Interactive items go before background items; within a class the lines take turns.
type Queue interface {
	readthrough.Queue[Query]

	// EnqueueInquiry stores an inquiry as PROCESSING and enqueues its fetch, in one
	// transaction. It returns an error that wraps readthrough.ErrFull, or ErrDatabase.
	EnqueueInquiry(ctx context.Context, r Record) (Standing, error)
	// InquiryStanding returns the position of an inquiry's fetch. It returns ErrNotQueued
	// or ErrDatabase.
	InquiryStanding(ctx context.Context, requestID string) (Standing, error)
	Prefetches
}

// Prefetches is the background class of a Queue.
type Prefetches interface {
	// Prefetch enqueues a fetch in the background. It returns false if the bill was queued
	// already, an error that wraps readthrough.ErrFull, or ErrDatabase.
	Prefetch(ctx context.Context, q Query, reason string) (added bool, err error)
}

// Fetch is a queued call of KOS.
type Fetch struct {
	Subject

	// Customers are the ids of the customers for whom the answer is stored. KOS decides
	// which of them has the line.
	Customers []string

	RequestID  string // sent to KOS
	Background bool   // no inquiry waits for it
	// Reason is the reason of a prefetch. It stays when an inquiry joins the fetch.
	Reason string
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
