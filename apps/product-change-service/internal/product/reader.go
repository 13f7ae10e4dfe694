package product

import (
	"context"
	"log/slog"
	"time"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Wait is how long a read waits for KOS if nothing is known.
type Wait struct {
	// Limit is the longest time that the client wants to wait; nil: the default.
	Limit *time.Duration
	// Async reports whether the client polls for the answer.
	Async bool
}

func (w Wait) limit() time.Duration {
	switch {
	case w.Limit != nil:
		return min(*w.Limit, readTimeout)
	case w.Async:
		return 0
	}
	return readTimeout
}

// TheCatalogue is the key of the one catalogue.
type TheCatalogue struct{}

// Reader finds subscribers and the catalogue in the caches and the archive. It never calls
// KOS.
type Reader struct {
	Subscribers *readthrough.Reader[Subscription, Subscriber]
	Catalogues  *readthrough.Reader[TheCatalogue, Catalogue]
}

// NewReader returns a reader.
func NewReader(cache Cache, archive Archive, now func() time.Time, log *slog.Logger) *Reader {
	return &Reader{
		Subscribers: readthrough.NewReader(subscriberStores{cache, archive}, now, log),
		Catalogues:  readthrough.NewReader(catalogueStores{cache, archive}, now, log),
	}
}

// evict removes all that the reader itself holds of a line.
func (r *Reader) evict(line msisdn.Number) {
	r.Subscribers.Evict(func(s Subscription) bool { return s.Line == line })
}

// subscriberStores implements readthrough.Stores.
type subscriberStores struct {
	cache   Cache
	archive Archive
}

func (s subscriberStores) Cached(ctx context.Context, key Subscription, load func(context.Context) (Subscriber, error)) (Subscriber, error) {
	return s.cache.Subscriber(ctx, key, load)
}

func (s subscriberStores) Archived(ctx context.Context, key Subscription) (Subscriber, error) {
	archived, _, err := s.archive.Subscriber(ctx, key.Line)
	if err == nil && archived.CustomerID != key.Customer {
		return Subscriber{}, ErrNotArchived
	}
	return archived, err
}

func (subscriberStores) Negative(err error) bool { return isRefusal(err) }

// catalogueStores implements readthrough.Stores.
type catalogueStores struct {
	cache   Cache
	archive Archive
}

func (s catalogueStores) Cached(ctx context.Context, _ TheCatalogue, load func(context.Context) (Catalogue, error)) (Catalogue, error) {
	return s.cache.Catalogue(ctx, load)
}

func (s catalogueStores) Archived(ctx context.Context, _ TheCatalogue) (Catalogue, error) {
	return s.archive.Catalogue(ctx)
}

func (catalogueStores) Negative(error) bool { return false }
