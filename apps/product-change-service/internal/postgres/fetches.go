package postgres

import (
	"context"
	"errors"

	"github.com/phonebill/phonebill/apps/internal/kos/queue"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Endpoints of KOS that fetches are queued for.
const (
	SubscriberEndpoint = "product-inquiry"
	CatalogueEndpoint  = "products"
)

// Subscribers is the queue of fetches of subscribers. The line is the deduplication key.
type Subscribers struct {
	queue.Reads[product.Subscription]
}

// NewSubscribers returns the queue of fetches of subscribers in q.
func NewSubscribers(q *queue.Queue, newID func() string) Subscribers {
	return Subscribers{queue.Reads[product.Subscription]{
		Queue: q, Endpoint: SubscriberEndpoint,
		Key: func(s product.Subscription) (dedup, ordering string) { return s.Line.Digits(), s.Line.Digits() },
		Fetch: func(s product.Subscription, reason string) queue.Fetch {
			return queue.Fetch{RequestID: newID(), Customers: []string{s.Customer}, Reason: reason}
		},
	}}
}

// catalogueKey is the deduplication key of the one catalogue.
const catalogueKey = "all"

// Catalogues is the queue of fetches of the catalogue.
type Catalogues struct {
	queue.Reads[product.TheCatalogue]
}

// NewCatalogues returns the queue of fetches of the catalogue in q.
func NewCatalogues(q *queue.Queue, newID func() string) Catalogues {
	return Catalogues{queue.Reads[product.TheCatalogue]{
		Queue: q, Endpoint: CatalogueEndpoint,
		Key: func(product.TheCatalogue) (dedup, ordering string) { return catalogueKey, catalogueKey },
		Fetch: func(_ product.TheCatalogue, reason string) queue.Fetch {
			return queue.Fetch{RequestID: newID(), Reason: reason}
		},
	}}
}

// Fetcher calls KOS for queued fetches. See product.Fetcher.
type Fetcher interface {
	Subscriber(ctx context.Context, q product.Fetch) error
	Catalogue(ctx context.Context, requestID string, background bool) error
}

// Fetches returns the handlers of queued fetches, by endpoint.
func Fetches(fetcher Fetcher, meter product.Meter) map[string]queue.Handler {
	return map[string]queue.Handler{
		SubscriberEndpoint: fetches(meter, func(ctx context.Context, item queue.Item, f queue.Fetch) error {
			return fetcher.Subscriber(ctx, product.Fetch{
				Line: msisdn.Number(item.Key), Customers: f.Customers, RequestID: f.RequestID, Background: item.Class == queue.Background,
			})
		}),
		CatalogueEndpoint: fetches(meter, func(ctx context.Context, item queue.Item, f queue.Fetch) error {
			return fetcher.Catalogue(ctx, f.RequestID, item.Class == queue.Background)
		}),
	}
}

// fetches returns a handler that makes one fetch.
func fetches(meter product.Meter, fetch func(ctx context.Context, item queue.Item, f queue.Fetch) error) queue.Handler {
	return func(ctx context.Context, item queue.Item) queue.Outcome {
		f, err := queue.ReadFetch(item)
		if err != nil {
			return queue.Failed(err)
		}
		if item.GiveUp {
			return queue.GivenUp(nil)
		}
		switch err := fetch(ctx, item, f); {
		case err == nil:
			return queue.Answered(nil).Then(func() {
				if f.Reason != "" {
					meter.Prefetched(f.Reason, "fetched")
				}
			})
		case errors.Is(err, product.ErrThrottled):
			return queue.Throttled(err)
		case errors.Is(err, product.ErrNotCalled):
			return queue.NotCalled(err, 0)
		default:
			return queue.Unanswered(err)
		}
	}
}
