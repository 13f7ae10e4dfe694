package bill

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Inquiries are the use cases of a customer.
type Inquiries struct {
	reader  *Reader
	queue   Queue
	history History
	meter   Meter
	ahead   *Prefetcher
	window  Window
	now     func() time.Time
	newID   func() string
	log     *slog.Logger
}

// InquiriesParams are what Inquiries need.
type InquiriesParams struct {
	Reader  *Reader
	Queue   Queue
	History History
	Meter   Meter
	Ahead   *Prefetcher
	Window  Window
	Now     func() time.Time
	NewID   func() string // UUIDs of version 7
	Log     *slog.Logger
}

// NewInquiries returns the use cases.
func NewInquiries(p InquiriesParams) *Inquiries {
	return &Inquiries{
		reader: p.Reader, queue: p.Queue, history: p.History, meter: p.Meter,
		ahead: p.Ahead, window: p.Window, now: p.Now, newID: p.NewID, log: p.Log,
	}
}

const (
	// answerTimeout is how long a client waits for its bill. Product rule: an answer
	// within 8 s; the rest is for the queue, and for writing the answer.
	answerTimeout = 7 * time.Second
	// softTimeout is how long a client waits for KOS if there is a stale copy. Product
	// rule: 1 s; the rest is for finding the copy.
	softTimeout = 800 * time.Millisecond
	// enqueueTimeout bounds how long an inquiry may take to be queued after its client
	// has stopped waiting: the answer is then that the inquiry goes on.
	enqueueTimeout = 700 * time.Millisecond
	// standingTimeout bounds what is looked up for a client who has waited already and
	// can be answered without.
	standingTimeout = 150 * time.Millisecond
)

// Asker is who asks: a user, the customer that the user is, and the lines that
// are the user's.
type Asker struct {
	UserID     string
	CustomerID string
	Lines      []msisdn.Number
	// Wait is how long the client waits, at most; nil is as long as we let it.
	Wait *time.Duration
}

// limit returns how long to keep the client waiting.
func (a Asker) limit(async bool) time.Duration {
	switch {
	case a.Wait != nil:
		return min(*a.Wait, answerTimeout)
	case async:
		return 0
	}
	return answerTimeout
}

func (a Asker) owns(line msisdn.Number) bool {
	for _, own := range a.Lines {
		if own == line {
			return true
		}
	}
	return false
}

// Inquiry is an inquiry as it stands.
type Inquiry struct {
	Record   Record
	Bill     Bill     // only of a completed inquiry
	Standing Standing // only of one that waits
}

// Inquire returns the bill of a line and month; an empty month is this one.
// With async an inquiry that only KOS can answer is still processing when the
// asker's wait is over, which is at once if the asker does not say.
//
// It returns ErrNotYourLine, ErrMonthFuture, ErrMonthTooOld, ErrUnknownLine,
// ErrSuspended, ErrNoBill, ErrLineMoved, an error that wraps ErrUnavailable, ErrQueueFull,
// ErrDatabase, or ErrStillRunning: the inquiry then goes on.
func (i *Inquiries) Inquire(ctx context.Context, asker Asker, s Subject, async bool) (Inquiry, error) {
	if !asker.owns(s.Line) {
		return Inquiry{}, ErrNotYourLine
	}
	now := i.now()
	if s.Month == "" {
		s.Month = MonthOf(now)
	}
	if err := i.window.Check(s.Month, now); err != nil {
		return Inquiry{}, err
	}
	inquiry, err := i.process(ctx, Record{
		RequestID: i.newID(), UserID: asker.UserID, Customer: asker.CustomerID, Line: s.Line, Month: s.Month,
		Status: Processing, RequestedAt: now,
	}, async, asker.limit(async))
	i.meter.Answered(answered(inquiry, err))
	if err != nil {
		return Inquiry{}, fmt.Errorf("inquire: %w", err)
	}
	if inquiry.Record.Status == Completed {
		i.ahead.Used(ctx, inquiry.Bill)
	}
	return inquiry, nil
}

// answered says how an inquiry was answered.
func answered(got Inquiry, err error) Answer {
	switch {
	case err == nil && got.Record.Status == Processing:
		return Accepted
	case err == nil && got.Bill.Stale:
		return Stale
	case err == nil:
		return Fresh
	case isAnswer(err):
		return Refused
	case errors.Is(err, ErrStillRunning):
		return InProgress
	case errors.Is(err, ErrQueueFull):
		return Full
	}
	return Unavailable
}

// process answers an inquiry: with what is known, or else by way of the queue.
func (i *Inquiries) process(ctx context.Context, record Record, async bool, limit time.Duration) (Inquiry, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	over := time.After(limit)
	got, err := i.known(ctx, record.query(), limit)
	if errors.Is(err, ErrNotKnown) {
		return i.wait(ctx, record, async, over)
	}
	record = settled(record, got, err, i.now())
	i.history.Append(ctx, record)
	return Inquiry{Record: record, Bill: got}, err
}

// known returns a bill without an inquiry having to wait for it: a fresh one, or a
// stale one of which KOS does not give a newer one within softTimeout. It returns
// KOS's refusal, or ErrNotKnown, which it is too if the client does not wait for KOS at
// all.
func (i *Inquiries) known(ctx context.Context, q Query, limit time.Duration) (Bill, error) {
	soft, cancel := context.WithTimeout(ctx, min(limit, softTimeout))
	defer cancel()
	found, err := i.reader.Bill(ctx, q)
	switch {
	case err != nil || !found.Bill.Stale:
		return found.Bill, err
	case limit < softTimeout:
		return Bill{}, ErrNotKnown
	case found.Refreshing:
		return found.Bill, nil
	}
	return i.refreshed(ctx, soft, q, found.Bill)
}

// refreshed returns a newer bill than old if KOS gives one before soft ends, or old. It
// returns KOS's refusal, or ErrNotKnown if old may not be shown any more.
func (i *Inquiries) refreshed(ctx, soft context.Context, q Query, old Bill) (Bill, error) {
	asked := i.now()
	if !i.fetch(ctx, soft, Fetch{Subject: q.subject(), Customers: []string{q.Customer}, RequestID: i.newID()}) {
		i.reader.Refreshing(q, old)
		return old, nil
	}
	q.Since = asked
	found, err := i.reader.Bill(ctx, q)
	if err == nil && found.Bill.Stale { // the fetch was set aside
		i.reader.Refreshing(q, found.Bill)
	}
	return found.Bill, err
}

// fetch queues a fetch and reports whether it has ended before soft ends. It does not
// wait where others come first or KOS cannot be called.
func (i *Inquiries) fetch(ctx, soft context.Context, f Fetch) bool {
	changed, stop := i.queue.Await(f.Subject)
	defer stop()
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), softTimeout)
	defer cancel()
	if callable, err := i.queue.Callable(writing, f.Endpoint()); err == nil && !callable {
		return false
	}
	ticket, err := i.queue.Enqueue(writing, f)
	if err != nil && !errors.Is(err, ErrQueueFull) {
		i.log.WarnContext(ctx, "refresh not queued", "error", err)
	}
	if err != nil || ticket.Ahead > 0 {
		return false
	}
	select {
	case <-changed:
		return true
	case <-soft.Done():
		return false
	}
}

// wait queues an inquiry, which then goes on whatever its client does, and waits until
// over for it to end.
func (i *Inquiries) wait(ctx context.Context, record Record, async bool, over <-chan time.Time) (Inquiry, error) {
	// An end between the enqueueing and a later Await would be missed.
	changed, stop := i.queue.Await(record.subject())
	defer stop()
	standing, err := i.enqueue(ctx, record, async)
	if err != nil {
		i.history.Append(ctx, settled(record, Bill{}, err, i.now()))
		return Inquiry{}, err
	}
	for {
		select {
		case <-changed:
		case <-over:
			if async {
				return Inquiry{Record: record, Standing: standing}, nil
			}
			return Inquiry{}, i.stillRunning(ctx, record, standing)
		case <-ctx.Done():
			return Inquiry{}, i.stillRunning(ctx, record, standing)
		}
		if now, err := i.history.Find(ctx, record.UserID, record.RequestID); err == nil && now.Status != Processing {
			return i.ended(ctx, record, now)
		}
		if now, err := i.queue.Standing(ctx, record.RequestID); err == nil && now.Unavailable && !async {
			return Inquiry{}, ErrResting // the inquiry goes on
		}
	}
}

// enqueue queues an inquiry, also if its client leaves meanwhile. A client that waits
// is not queued while KOS cannot be called. The deadline of ctx is the end of the
// client's wait.
func (i *Inquiries) enqueue(ctx context.Context, record Record, async bool) (Standing, error) {
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline.Add(enqueueTimeout))
	defer cancel()
	if !async {
		callable, err := i.queue.Callable(ctx, BillInquiry)
		if err != nil {
			return Standing{}, err
		}
		if !callable {
			return Standing{}, ErrResting
		}
	}
	return i.queue.EnqueueInquiry(ctx, record)
}

// ended returns what has become of an inquiry that waited.
func (i *Inquiries) ended(ctx context.Context, asked, now Record) (Inquiry, error) {
	if now.Status == Failed {
		return Inquiry{Record: now}, refusalOf(now.ResultCode)
	}
	q := asked.query()
	q.Since = asked.RequestedAt
	found, err := i.reader.Bill(ctx, q)
	if errors.Is(err, ErrNotKnown) { // neither the caches nor the archive could keep it
		err = ErrDatabase.WithCause(err)
	}
	return Inquiry{Record: now, Bill: found.Bill}, err
}

// stillRunning returns when a client that has waited long enough should come back.
func (i *Inquiries) stillRunning(ctx context.Context, record Record, standing Standing) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), standingTimeout)
	defer cancel()
	if now, err := i.queue.Standing(ctx, record.RequestID); err == nil {
		standing = now
	}
	return ErrStillRunning.After(max(standing.Estimate, time.Second))
}
