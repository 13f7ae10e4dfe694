package bill

import (
	"context"
	"log/slog"
	"time"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Query selects a bill of a subscription.
type Query struct {
	Subscription

	Month Month
}

// Reader finds bills in the caches and the archive. It never calls KOS.
type Reader = readthrough.Reader[Query, Bill]

// NewReader returns a reader.
func NewReader(cache Cache, archive Archive, now func() time.Time, log *slog.Logger) *Reader {
	return readthrough.NewReader(billStores{cache, archive}, now, log)
}

// billStores implements readthrough.Stores.
type billStores struct {
	cache   Cache
	archive Archive
}

func (s billStores) Cached(ctx context.Context, q Query, load func(context.Context) (Bill, error)) (Bill, error) {
	return s.cache.Bill(ctx, q.Subscription, q.Month, load)
}

func (s billStores) Archived(ctx context.Context, q Query) (Bill, error) {
	return s.archive.Find(ctx, q.Subscription, q.Month)
}

func (billStores) Negative(err error) bool { return isRefusal(err) }

// evict removes all that a reader itself holds of a line.
func evict(reader *Reader, line msisdn.Number) {
	reader.Evict(func(q Query) bool { return q.Line == line })
}
