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

func (q Query) subject() Subject { return Subject{q.Line, q.Month} }

// Reader finds bills and customers in the caches and the archive. It never calls KOS.
type Reader struct {
	Bills     *readthrough.Reader[Query, Bill]
	Customers *readthrough.Reader[Subscription, Customer]
}

// NewReader returns a reader.
func NewReader(cache Cache, archive Archive, now func() time.Time, log *slog.Logger) *Reader {
	return &Reader{
		Bills:     readthrough.NewReader(billStores{cache, archive}, now, log),
		Customers: readthrough.NewReader(customerStores{cache, archive, now}, now, log),
	}
}

// billStores implements readthrough.Stores for bills.
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

// customerStores implements readthrough.Stores for customers. The archive has them in the
// open bills only.
type customerStores struct {
	cache   Cache
	archive Archive
	now     func() time.Time
}

func (s customerStores) Cached(ctx context.Context, own Subscription, load func(context.Context) (Customer, error)) (Customer, error) {
	return s.cache.Customer(ctx, own, load)
}

func (s customerStores) Archived(ctx context.Context, own Subscription) (Customer, error) {
	current := MonthOf(s.now())
	for _, month := range []Month{current, current.minus(1)} {
		if archived, err := s.archive.Find(ctx, own, month); err == nil {
			archived.Customer.AsOf = archived.AsOf
			return archived.Customer, nil
		}
	}
	return Customer{}, ErrNotArchived
}

func (customerStores) Negative(err error) bool { return isRefusal(err) }

// recent returns the latest answer of KOS to a query for a bill or TheCustomer, if it is
// still fresh.
func (r *Reader) recent(ctx context.Context, q Query) (answer, bool) {
	if q.Month != TheCustomer {
		return r.Bills.Recent(ctx, q)
	}
	recent, found := r.Customers.Recent(ctx, q.Subscription)
	return answer{Value: Bill{Line: q.Line, Customer: recent.Value, AsOf: recent.Value.AsOf}, Err: recent.Err}, found
}

// marks are the marks of the readers.
type marks struct{ bills, customers readthrough.Mark }

// mark returns the marks that noteAnswer needs. They are taken before KOS is called.
func (r *Reader) mark() marks { return marks{r.Bills.Mark(), r.Customers.Mark()} }

// noteAnswer notes the latest answer of KOS to a query for a bill or TheCustomer.
func (r *Reader) noteAnswer(q Query, since marks, a answer) {
	if q.Month != TheCustomer {
		r.Bills.NoteAnswer(q, since.bills, a)
		return
	}
	r.Customers.NoteAnswer(q.Subscription, since.customers, readthrough.Answer[Customer]{Value: a.Value.Customer, Err: a.Err})
}

// evict removes all that the reader itself holds of a line.
func (r *Reader) evict(line msisdn.Number) {
	r.Bills.Evict(func(q Query) bool { return q.Line == line })
	r.Customers.Evict(func(s Subscription) bool { return s.Line == line })
}

// fetches implements readthrough.Queue for the keys of one reader.
type fetches[K comparable] struct {
	queue Queue
	// fetch returns the fetch of a key.
	fetch func(K) Fetch
	// ahead enqueues a refresh ahead; nil if there is none.
	ahead func(ctx context.Context, f Fetch) error
}

func (f fetches[K]) Enqueue(ctx context.Context, key K) (int, error) {
	ticket, err := f.queue.Enqueue(ctx, f.fetch(key))
	return ticket.Ahead, err
}

func (f fetches[K]) EnqueueAhead(ctx context.Context, key K) error { return f.ahead(ctx, f.fetch(key)) }

func (f fetches[K]) Callable(ctx context.Context, key K) (bool, error) {
	return f.queue.Callable(ctx, f.fetch(key).Endpoint())
}

func (f fetches[K]) Busy(ctx context.Context, key K) (bool, error) {
	return f.queue.Busy(ctx, f.fetch(key).Endpoint())
}

func (f fetches[K]) Standing(ctx context.Context, key K) (readthrough.Standing, error) {
	return f.queue.FetchStanding(ctx, f.fetch(key).Subject)
}

func (f fetches[K]) Await(key K) (changed <-chan struct{}, stop func()) {
	return f.queue.Await(f.fetch(key).Subject)
}
