package bill

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
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

	RequestID string
	// Since makes do with what KOS said after that time, wherever it is kept.
	Since time.Time
}

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

// Get returns a bill. It returns ErrUnknownLine, ErrSuspended or ErrNoBill; and
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
	if old, found := b.lastKnown(ctx, q.Subject); found {
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
	return b.cache.Bill(ctx, q.Line, q.Month, func(ctx context.Context) (Bill, error) {
		return b.find(ctx, q, func(ctx context.Context) (Bill, error) { return b.passAndAsk(ctx, q) })
	})
}

// Known is Get without asking KOS: it returns ErrMustWait for what only KOS
// knows.
func (b *Bills) Known(ctx context.Context, q Question) (Bill, error) {
	got, err := b.cache.Bill(ctx, q.Line, q.Month, func(ctx context.Context) (Bill, error) {
		return b.find(ctx, q, func(context.Context) (Bill, error) { return Bill{}, ErrMustWait })
	})
	if err != nil && !isAnswer(err) { // it may also be a load of somebody who does ask KOS
		return Bill{}, ErrMustWait
	}
	return got, err
}

// find looks into the archive, and if that does not do, elsewhere.
func (b *Bills) find(ctx context.Context, q Question, elsewhere LoadBill) (Bill, error) {
	kept, err := b.archive.Find(ctx, q.Line, q.Month)
	if err == nil && (kept.Final || !q.Since.IsZero() && kept.AsOf.After(q.Since)) {
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
	got, err := b.ask(ctx, Wish{Subject: q.Subject, RequestID: q.RequestID})
	b.restAfter(ctx, q.Subject, err)
	return got, err
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

// ask gets a bill from KOS, the right to which has been taken, and keeps it.
func (b *Bills) ask(ctx context.Context, w Wish) (Bill, error) {
	fresh, err := b.carrier.Bill(ctx, w.RequestID, w.Line, w.Month)
	if err != nil {
		return Bill{}, w.refused(err)
	}
	if w.Class == Background {
		fresh.Fetched = w.Reason
	}
	if err := b.archive.Keep(ctx, fresh); err != nil {
		b.log.WarnContext(ctx, "bill not archived", "error", err)
	}
	return fresh, nil
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
	_, err := b.queue.Want(ctx, Wish{Subject: q.Subject, RequestID: q.RequestID, Class: Interactive})
	if err != nil && !errors.Is(err, ErrLineFull) {
		b.log.WarnContext(ctx, "a fresher bill is not fetched", "error", err)
	}
}

// lastKnown returns what KOS said last, marked stale unless it is final.
func (b *Bills) lastKnown(ctx context.Context, s Subject) (Bill, bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), archiveWait)
	defer cancel()
	old, err := b.archive.Find(ctx, s.Line, s.Month)
	if err != nil {
		return Bill{}, false
	}
	old.Stale = !old.Final
	return old, true
}

// sharedLoads is how often a fetch asks again after it has shared the load of
// somebody who may not ask KOS.
const sharedLoads = 5

// Fetch implements Source.
func (b *Bills) Fetch(ctx context.Context, w Wish) (Bill, error) {
	if w.Month == "" {
		return Bill{}, b.fetchCustomer(ctx, w)
	}
	var asked atomic.Bool // by a load that goes on should ctx end
	ask := func(ctx context.Context) (Bill, error) {
		asked.Store(true)
		return b.ask(ctx, w)
	}
	if w.Refresh {
		return b.cache.RenewBill(ctx, w.Line, w.Month, ask)
	}
	for try := 1; ; try++ {
		got, err := b.cache.Bill(ctx, w.Line, w.Month, ask)
		if asked.Load() || !errors.Is(err, ErrMustWait) || try == sharedLoads {
			return got, err
		}
	}
}

func (b *Bills) fetchCustomer(ctx context.Context, w Wish) error {
	_, err := b.cache.RenewCustomer(ctx, w.Line, func(ctx context.Context) (Customer, error) {
		got, err := b.carrier.Customer(ctx, w.RequestID, w.Line)
		return got, w.refused(err)
	})
	return err
}

// Changed forgets what is known of a line that has a new plan, here, in every
// replica and in the archive. Bills of past months stay: their plan was the old
// one. It may be repeated, and should be after an error.
func (b *Bills) Changed(ctx context.Context, line msisdn.Number) error {
	now := b.now()
	return errors.Join(
		b.cache.Invalidate(ctx, line, MonthOf(now)),
		b.archive.Forget(ctx, line, MonthOf(now), now),
	)
}

// Heard forgets a line here that another replica was told of.
func (b *Bills) Heard(line msisdn.Number) { b.cache.Forget(line, MonthOf(b.now())) }

// Listening says whether this replica hears of what others invalidate.
func (b *Bills) Listening(told bool) { b.cache.Listening(told) }
