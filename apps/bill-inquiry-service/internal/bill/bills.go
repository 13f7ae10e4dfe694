package bill

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Bills answers where a bill comes from: the cache, the archive if the month
// is final, KOS if it may be asked at once; and, when KOS is away or slow,
// whatever it said last.
type Bills struct {
	cache   Cache
	archive Archive
	carrier Carrier
	gate    Gate
	queue   Queue
	now     func() time.Time
	newID   func() string
	log     *slog.Logger
}

// BillsParams are what Bills need.
type BillsParams struct {
	Cache   Cache
	Archive Archive
	Carrier Carrier
	Gate    Gate
	Queue   Queue
	Now     func() time.Time
	NewID   func() string // UUIDs of version 7
	Log     *slog.Logger
}

// NewBills returns the source of bills.
func NewBills(p BillsParams) *Bills {
	return &Bills{
		cache: p.Cache, archive: p.Archive, carrier: p.Carrier, gate: p.Gate, queue: p.Queue,
		now: p.Now, newID: p.NewID, log: p.Log,
	}
}

// Question is what is to be known.
type Question struct {
	Subject

	Customer  string // the id of the customer who asks
	RequestID string
	// Since makes do with what KOS said after that time, wherever it is kept.
	Since time.Time
}

// subscription returns what is asked about, as the asker's.
func (q Question) subscription() Subscription { return Subscription{q.Customer, q.Line} }

const (
	// glance is how long nobody waits longer for KOS than, if there is an older
	// answer. Product rule: 1 s; the rest is for finding that.
	glance = 800 * time.Millisecond
	// recent is how old a bill may be that does while KOS's limit is spent: what a
	// process keeps to itself may be as old.
	recent = 5 * time.Minute
	// archiveWait bounds the search for an older answer, which takes milliseconds:
	// where the database is slow, one that is late is better than none.
	archiveWait = time.Second
	// afterthought bounds what is done for a client who has waited already and
	// can be answered without.
	afterthought = 150 * time.Millisecond
	// wanting bounds how long a client waits for it to be written down that a
	// fresher bill is wanted: with an older one at hand that is all it waits for.
	wanting = 500 * time.Millisecond
)

// Get returns a bill. It returns ErrUnknownLine, ErrSuspended, ErrNoBill or
// ErrLineMoved; and
// if KOS never told this bill, ErrMustWait if KOS may not be asked now, an error
// that wraps ErrUnavailable if it is away, or ctx's error if it took too long;
// the work then goes on.
func (b *Bills) Get(ctx context.Context, q Question) (Bill, error) {
	brief, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	got, err := b.load(brief, q)
	if err == nil || isAnswer(err) {
		return got, err
	}
	if old, found := b.lastKnown(ctx, q.subscription(), q.Month); found {
		if old.Stale && errors.Is(err, ErrMustWait) {
			old.Stale = b.wantUnlessRecent(ctx, q, old)
		}
		return old, nil
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return b.load(ctx, q) // joins the load that goes on
	}
	return Bill{}, err
}

func (b *Bills) load(ctx context.Context, q Question) (Bill, error) {
	return b.cache.Bill(ctx, q.subscription(), q.Month, func(ctx context.Context) (Bill, error) {
		return b.find(ctx, q, func(ctx context.Context) (Bill, error) { return b.passAndAsk(ctx, q) })
	})
}

// Known is Get without asking KOS: it returns ErrMustWait for what only KOS
// knows.
func (b *Bills) Known(ctx context.Context, q Question) (Bill, error) {
	got, err := b.cache.Bill(ctx, q.subscription(), q.Month, func(ctx context.Context) (Bill, error) {
		return b.find(ctx, q, func(context.Context) (Bill, error) { return Bill{}, ErrMustWait })
	})
	if err != nil && !isAnswer(err) { // it may also be a load of somebody who does ask KOS
		return Bill{}, ErrMustWait
	}
	return got, err
}

// find looks into the archive, and if that does not do, elsewhere.
func (b *Bills) find(ctx context.Context, q Question, elsewhere LoadBill) (Bill, error) {
	kept, err := b.archive.Find(ctx, q.subscription(), q.Month)
	if err == nil && (kept.Definitive() || !q.Since.IsZero() && kept.AsOf.After(q.Since)) {
		return kept, nil
	}
	if err != nil && !errors.Is(err, ErrNotKept) {
		b.log.WarnContext(ctx, "archive cannot be read, asking KOS", "error", err)
	}
	return elsewhere(ctx)
}

// passAndAsk asks KOS if it may be asked at once.
func (b *Bills) passAndAsk(ctx context.Context, q Question) (Bill, error) {
	if err := b.pass(ctx, q.Subject); err != nil {
		return Bill{}, err
	}
	reply := b.reply(ctx, q.RequestID, q.Subject)
	b.restAfter(ctx, q.Subject, reply.Err)
	return b.accept(ctx, q.subscription(), q.Month, reply)
}

// pass takes the right to ask KOS. Without a database, which has the budget,
// nobody has it.
func (b *Bills) pass(ctx context.Context, s Subject) error {
	passage, err := b.gate.Pass(ctx, s.Endpoint())
	switch {
	case err != nil:
		return ErrDatabase.WithCause(errors.Join(ErrUnavailable, err))
	case passage == MustWait:
		return ErrMustWait
	case passage == Resting:
		return ErrResting
	}
	return nil
}

// restAfter keeps others from asking what could not be asked.
func (b *Bills) restAfter(ctx context.Context, s Subject, err error) {
	if !errors.Is(err, ErrNotAsked) {
		return
	}
	if err := b.gate.Rest(ctx, s.Endpoint(), outageRest); err != nil {
		b.log.WarnContext(ctx, "others are not told that KOS is away", "error", err)
	}
}

// wantUnlessRecent has a bill fetched anew that is too old, and reports that.
func (b *Bills) wantUnlessRecent(ctx context.Context, q Question, old Bill) bool {
	if b.now().Sub(old.AsOf) <= recent {
		return false
	}
	b.want(ctx, q)
	return true
}

// want has the fresher bill fetched that its client does not wait for.
func (b *Bills) want(ctx context.Context, q Question) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wanting)
	defer cancel()
	_, err := b.queue.Want(ctx, Wish{
		Subject: q.Subject, Customers: []string{q.Customer}, RequestID: q.RequestID, Class: Interactive,
	})
	if err != nil && !errors.Is(err, ErrLineFull) {
		b.log.WarnContext(ctx, "a fresher bill is not fetched", "error", err)
	}
}

// lastKnown returns what KOS said last, marked stale unless it is definitive.
func (b *Bills) lastKnown(ctx context.Context, s Subscription, month Month) (Bill, bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), archiveWait)
	defer cancel()
	old, err := b.archive.Find(ctx, s, month)
	if err != nil {
		return Bill{}, false
	}
	old.Stale = !old.Definitive()
	return old, true
}
