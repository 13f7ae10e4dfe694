package product

import (
	"context"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Carrier reads from KOS. KOS answers for a line with its present customer. The methods
// return ErrUnknownLine if KOS refuses the line, and errors that wrap ErrUnavailable if
// KOS did not answer or was not called.
type Carrier interface {
	Subscriber(ctx context.Context, line msisdn.Number) (Subscriber, error)
	Catalogue(ctx context.Context) (Catalogue, error)
}

// Source loads what a Cache lacks.
type Source[V any] struct {
	// Load loads a value on a miss.
	Load func(context.Context) (V, error)
	// Refresh loads a newer value in the background, while the cached one is served.
	Refresh func(context.Context) (V, error)
}

// Cache caches KOS's answers to a customer, and its refusals (no such line, or another
// customer's) for a shorter time. Concurrent misses of a key share one load. The load
// goes on after its callers have left; they get the error of their context. Values that
// are read shortly before they expire are refreshed in the background.
type Cache interface {
	Subscriber(ctx context.Context, s Subscription, source Source[Subscriber]) (Subscriber, error)
	Catalogue(ctx context.Context, source Source[Catalogue]) (Catalogue, error)
	Invalidator
}

// Invalidator invalidates cached lines.
type Invalidator interface {
	// Invalidate drops a subscription from this process and from L2, and leaves a
	// tombstone there: no load that began before brings the value back. Afterwards other
	// replicas must be notified to Evict the line.
	Invalidate(ctx context.Context, s Subscription) error
	// Evict drops a line of any customer from this process.
	Evict(line msisdn.Number)
	// Listening notes whether this process receives the invalidations of other replicas.
	// While it does not, it must keep no lines in L1.
	Listening(listening bool)
}

// LineLimit limits how many fresh reads one line may cause.
type LineLimit interface {
	// Allow counts a call of KOS for the line and reports whether it may be made.
	Allow(line msisdn.Number) bool
}

// Version tells states of a line in an Archive apart.
type Version struct {
	// Line counts how often the line was invalidated, Changes how often because a change
	// of its plan was completed here.
	Line    int64 `json:"line"`
	Changes int64 `json:"changes"`
}

// Archive keeps KOS's last answers, which are served stale while KOS is out.
type Archive interface {
	// Subscriber returns the archived subscriber of a line and, also with an error, the
	// line's version. It returns ErrNotArchived.
	Subscriber(ctx context.Context, line msisdn.Number) (Subscriber, Version, error)
	// KeepSubscriber archives a subscriber, unless the line was invalidated after version
	// was read.
	KeepSubscriber(ctx context.Context, s Subscriber, version Version) error
	// Catalogue returns the archived catalogue, or ErrNotArchived.
	Catalogue(ctx context.Context) (Catalogue, error)
	KeepCatalogue(ctx context.Context, c Catalogue) error
}

// Replicas are all processes of this service.
type Replicas interface {
	// Invalidate invalidates a line in the archive and notifies every replica to Evict it.
	Invalidate(ctx context.Context, line msisdn.Number) error
}
