package product

import (
	"context"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Carrier is KOS. What it says of a line is its present customer's, whoever
// asked. Its methods return ErrUnknownLine as KOS decides, and errors
// that wrap ErrUnavailable when KOS did not answer or may not be asked.
type Carrier interface {
	Subscriber(ctx context.Context, line msisdn.Number) (Subscriber, error)
	Catalogue(ctx context.Context) (Catalogue, error)
}

// Source is where a Cache gets what it does not have.
type Source[V any] struct {
	// Ask gets it for somebody who waits.
	Ask func(context.Context) (V, error)
	// Ahead gets it anew while the old one still serves.
	Ahead func(context.Context) (V, error)
}

// Cache keeps what KOS said to a customer for a while, and for a moment that
// there is no such line, or that it is another customer's. Callers that miss the same thing at the same time share one load, which
// goes on when they leave; they then get their context's error. What is used
// when it will soon expire is got ahead of that, in the background.
type Cache interface {
	Subscriber(ctx context.Context, s Subscription, source Source[Subscriber]) (Subscriber, error)
	Catalogue(ctx context.Context, source Source[Catalogue]) (Catalogue, error)
	Forgetful
}

// Forgetful is what can be made to forget lines.
type Forgetful interface {
	// Invalidate forgets a subscription on this replica and in what replicas
	// share: no load that began before brings it back. Other replicas must be told
	// to Forget it afterwards.
	Invalidate(ctx context.Context, s Subscription) error
	// Forget forgets a line on this replica, whoever its customer is.
	Forget(line msisdn.Number)
	// Listening says whether this replica is told what others invalidate. While
	// it is not, it must keep nothing to itself.
	Listening(told bool)
}

// Shares bound how often KOS is asked for the same line.
type Shares interface {
	// Take reports whether KOS may be asked for the line once more.
	Take(line msisdn.Number) bool
}

// Mark is the state of a line in an Archive. It changes when the line is forgotten,
// because it has a new plan.
type Mark int64

// Archive keeps the newest that KOS said, for when KOS is away.
type Archive interface {
	// Subscriber returns a line, if it is kept, and its mark in any case. The
	// error for one that is not is ErrNotKept.
	Subscriber(ctx context.Context, line msisdn.Number) (Subscriber, Mark, error)
	// KeepSubscriber stores a line unless it was forgotten after mark was read.
	KeepSubscriber(ctx context.Context, s Subscriber, mark Mark) error
	// Catalogue returns the catalogue or ErrNotKept.
	Catalogue(ctx context.Context) (Catalogue, error)
	KeepCatalogue(ctx context.Context, c Catalogue) error
}

// Replicas are all processes of this service.
type Replicas interface {
	// Tell makes the archive forget a line and every replica hear of it.
	Tell(ctx context.Context, line msisdn.Number) error
}
