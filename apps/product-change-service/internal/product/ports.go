package product

import (
	"context"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Carrier calls KOS. KOS answers for a line with its present customer. The methods return
// ErrUnknownLine if KOS refuses the line, and errors that wrap ErrUnavailable if KOS gave
// no usable answer. These also wrap ErrNotCalled if any call would fail alike without
// reaching KOS, or ErrThrottled if KOS refused the call for its rate.
type Carrier interface {
	Subscriber(ctx context.Context, requestID string, line msisdn.Number) (Subscriber, error)
	Catalogue(ctx context.Context, requestID string) (Catalogue, error)
}

// Admission admits calls of KOS that are not queued.
type Admission interface {
	// Admit waits for the admission of a call that reads a line. It returns an error that
	// wraps ErrUnavailable if there is none within seconds.
	Admit(ctx context.Context) error
}

// Cache caches KOS's answers to a customer, and its refusals (no such line, or another
// customer's) for a shorter time, unless they wrap ErrUncacheable. Concurrent misses of a
// key share one load. The load goes on after its callers have left; they get the error of
// their context.
type Cache interface {
	Refresher
	Invalidator

	Subscriber(ctx context.Context, s Subscription, load LoadSubscriber) (Subscriber, error)
	Catalogue(ctx context.Context, load LoadCatalogue) (Catalogue, error)
}

// LoadSubscriber loads a subscriber that a Cache does not have.
type LoadSubscriber func(context.Context) (Subscriber, error)

// LoadCatalogue loads a catalogue that a Cache does not have.
type LoadCatalogue func(context.Context) (Catalogue, error)

// Refresher replaces cached values.
type Refresher interface {
	// RefreshSubscriber and RefreshCatalogue load and store a new value even if there is
	// one.
	RefreshSubscriber(ctx context.Context, s Subscription, load LoadSubscriber) (Subscriber, error)
	RefreshCatalogue(ctx context.Context, load LoadCatalogue) (Catalogue, error)
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
