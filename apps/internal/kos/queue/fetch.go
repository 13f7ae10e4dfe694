package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// Fetch is a queued read of KOS, for one or more customers of a line.
type Fetch struct {
	RequestID string // sent to KOS
	// Customers are the ids of the customers for whom the answer is stored.
	Customers []string
	// Reason is why the fetch was enqueued in the background. It stays when a client joins
	// the fetch.
	Reason string
}

// Members of a payload. The queue merges the payloads of one key, so that an item has the
// customers of all its requests.
const (
	memberRequestID = "requestId"
	memberReason    = "reason"
	memberCustomer  = "customer " // followed by the customer's id
)

// Payload returns the payload of an item. See ReadFetch.
func (f Fetch) Payload() map[string]string {
	payload := map[string]string{memberRequestID: f.RequestID}
	if f.Reason != "" {
		payload[memberReason] = f.Reason
	}
	for _, id := range f.Customers {
		payload[memberCustomer+id] = ""
	}
	return payload
}

// ReadFetch returns the fetch of an item, with the customers in alphabetical order.
func ReadFetch(item Item) (Fetch, error) {
	var payload map[string]string
	if err := json.Unmarshal(item.Payload, &payload); err != nil {
		return Fetch{}, fmt.Errorf("read queued fetch: %w", err)
	}
	f := Fetch{RequestID: payload[memberRequestID], Reason: payload[memberReason]}
	for member := range payload {
		if id, ok := strings.CutPrefix(member, memberCustomer); ok && id != "" {
			f.Customers = append(f.Customers, id)
		}
	}
	slices.Sort(f.Customers)
	return f, nil
}

// Reads implements readthrough.Queue for the values of one endpoint.
type Reads[K comparable] struct {
	Queue    *Queue
	Endpoint string
	// Key returns the deduplication key and the ordering key of a value.
	Key func(key K) (dedup, ordering string)
	// Fetch returns the fetch of a value. The reason is that of background work.
	Fetch func(key K, reason string) Fetch
}

// ReasonAhead is the reason of a refresh of a value that is about to expire.
const ReasonAhead = "hot"

// Enqueue implements readthrough.Queue.
func (r Reads[K]) Enqueue(ctx context.Context, key K) (ahead int, err error) {
	ticket, err := r.enqueue(ctx, key, Interactive, "")
	return ticket.Ahead, err
}

// EnqueueAhead implements readthrough.Queue.
func (r Reads[K]) EnqueueAhead(ctx context.Context, key K) error {
	_, err := r.Prefetch(ctx, key, ReasonAhead)
	return err
}

// Prefetch enqueues a fetch in the background. It returns false if the value was queued
// already.
func (r Reads[K]) Prefetch(ctx context.Context, key K, reason string) (added bool, err error) {
	ticket, err := r.enqueue(ctx, key, Background, reason)
	return ticket.Added, err
}

func (r Reads[K]) enqueue(ctx context.Context, key K, class Class, reason string) (ticket Ticket, err error) {
	dedup, ordering := r.Key(key)
	ticket, err = r.Queue.Add(ctx, Request{
		Endpoint: r.Endpoint, Key: dedup, OrderingKey: ordering, Class: class, Payload: r.Fetch(key, reason).Payload(),
	}, nil)
	if errors.Is(err, ErrFull) {
		return Ticket{}, readthrough.ErrFull
	}
	return ticket, fault(err)
}

// Callable implements readthrough.Queue.
func (r Reads[K]) Callable(ctx context.Context, _ K) (bool, error) {
	callable, err := r.Queue.Callable(ctx, r.Endpoint)
	return callable, fault(err)
}

// Busy implements readthrough.Queue.
func (r Reads[K]) Busy(ctx context.Context, _ K) (bool, error) {
	busy, err := r.Queue.Busy(ctx, r.Endpoint)
	return busy, fault(err)
}

// Standing implements readthrough.Queue.
func (r Reads[K]) Standing(ctx context.Context, key K) (readthrough.Standing, error) {
	dedup, _ := r.Key(key)
	found, err := r.Queue.Standing(ctx, r.Endpoint, dedup)
	if errors.Is(err, ErrNotQueued) {
		return readthrough.Standing{}, readthrough.ErrNotQueued
	}
	if err != nil {
		return readthrough.Standing{}, fault(err)
	}
	return readthrough.Standing{
		Ahead: found.Ahead, Estimate: found.Estimate, Claimed: found.Claimed, Unavailable: found.Reason == Unavailable,
	}, nil
}

// Await implements readthrough.Queue.
func (r Reads[K]) Await(key K) (changed <-chan struct{}, stop func()) {
	dedup, _ := r.Key(key)
	return r.Queue.Await(r.Endpoint, dedup)
}

// fault returns problem.ErrDatabase if PostgreSQL is unavailable or too slow, else err.
func fault(err error) error {
	if pgerr.Unavailable(err) || errors.Is(err, context.DeadlineExceeded) {
		return problem.ErrDatabase.WithCause(err)
	}
	return err
}
