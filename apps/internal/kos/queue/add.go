package queue

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// fullFor is how long a process remembers that a class was full. Meanwhile it does not count
// the items for each refusal, which takes as long as the queue is long.
const fullFor = time.Second

// fullness remembers which classes of which endpoints were full.
type fullness struct {
	mu    sync.Mutex
	until map[fullKey]time.Time
}

type fullKey struct {
	endpoint string
	class    Class
}

func newFullness() *fullness { return &fullness{until: map[fullKey]time.Time{}} }

func (f *fullness) note(r Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.until[fullKey{r.Endpoint, r.Class}] = time.Now().Add(fullFor)
}

func (f *fullness) recent(r Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().Before(f.until[fullKey{r.Endpoint, r.Class}])
}

// Add enqueues an item in a transaction of its own, with what also writes; also may be nil.
// It returns ErrFull, up to fullFor after the class was full as well, but never for a key
// that is queued.
func (q *Queue) Add(ctx context.Context, r Request, also func(tx pgx.Tx, ticket Ticket) error) (ticket Ticket, err error) {
	if q.full.recent(r) {
		queued, err := q.Contains(ctx, r.Endpoint, r.Key)
		if err != nil {
			return Ticket{}, err
		}
		if !queued {
			return Ticket{}, ErrFull
		}
	}
	err = pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) (err error) {
		if ticket, err = q.Enqueue(ctx, tx, r); err != nil || also == nil {
			return err
		}
		return also(tx, ticket)
	})
	if errors.Is(err, ErrFull) {
		q.full.note(r)
	}
	return ticket, err
}
