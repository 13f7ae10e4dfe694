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
	reader     *Reader
	queue      Queue
	history    History
	meter      Meter
	prefetcher *Prefetcher
	window     Window
	now        func() time.Time
	newID      func() string
	log        *slog.Logger
}

// InquiriesParams are the dependencies of Inquiries.
type InquiriesParams struct {
	Reader     *Reader
	Queue      Queue
	History    History
	Meter      Meter
	Prefetcher *Prefetcher
	Window     Window
	Now        func() time.Time
	NewID      func() string // UUIDs of version 7
	Log        *slog.Logger
}

// NewInquiries returns the use cases.
func NewInquiries(p InquiriesParams) *Inquiries {
	return &Inquiries{
		reader: p.Reader, queue: p.Queue, history: p.History, meter: p.Meter,
		prefetcher: p.Prefetcher, window: p.Window, now: p.Now, newID: p.NewID, log: p.Log,
	}
}

const (
	// answerTimeout is how long an inquiry waits for its bill. Product rule: an answer
	// within 8 s; the rest is for enqueueing and for writing the answer.
	answerTimeout = 7 * time.Second
	// softTimeout is how long an inquiry waits for KOS if there is a stale copy. Product
	// rule: 1 s; the rest is for reading the copy.
	softTimeout = 800 * time.Millisecond
	// enqueueTimeout is how long enqueueing may take beyond the deadline of the inquiry.
	enqueueTimeout = 700 * time.Millisecond
	// standingTimeout bounds the read of the estimate for an inquiry whose wait is over.
	// It can be answered without.
	standingTimeout = 300 * time.Millisecond
)

// Caller is the user of a request, with its customer and lines.
type Caller struct {
	UserID     string
	CustomerID string
	Lines      []msisdn.Number
	// Wait is the longest time that the client wants to wait; nil: the default.
	Wait *time.Duration
}

// limit returns how long an inquiry of the caller waits.
func (c Caller) limit(async bool) time.Duration {
	switch {
	case c.Wait != nil:
		return min(*c.Wait, answerTimeout)
	case async:
		return 0
	}
	return answerTimeout
}

func (c Caller) owns(line msisdn.Number) bool {
	for _, own := range c.Lines {
		if own == line {
			return true
		}
	}
	return false
}

// Inquiry is the current state of an inquiry.
type Inquiry struct {
	Record   Record
	Bill     Bill     // if completed
	Standing Standing // if queued
}

// Inquire returns the bill of a line and month; an empty month is the current one.
// An inquiry that only KOS can answer is queued, and stays queued if Inquire returns
// before its end. With async, Inquire then returns it as PROCESSING after caller.Wait,
// or at once if that is nil.
//
// Inquire returns ErrLineNotAllowed, ErrMonthFuture, ErrMonthTooOld, ErrUnknownLine,
// ErrSuspended, ErrNoBill, ErrLineMoved, an error that wraps ErrUnavailable,
// ErrQueueFull, ErrDatabase, or, without async, ErrInProgress if the inquiry is still
// queued.
func (i *Inquiries) Inquire(ctx context.Context, caller Caller, s Subject, async bool) (Inquiry, error) {
	if !caller.owns(s.Line) {
		return Inquiry{}, ErrLineNotAllowed
	}
	now := i.now()
	if s.Month == "" {
		s.Month = MonthOf(now)
	}
	if err := i.window.Check(s.Month, now); err != nil {
		return Inquiry{}, err
	}
	inquiry, err := i.process(ctx, Record{
		RequestID: i.newID(), UserID: caller.UserID, Customer: caller.CustomerID, Line: s.Line, Month: s.Month,
		Status: Processing, RequestedAt: now,
	}, async, caller.limit(async))
	i.meter.Answered(classify(inquiry, err))
	if err != nil {
		return Inquiry{}, fmt.Errorf("inquire: %w", err)
	}
	if inquiry.Record.Status == Completed {
		i.prefetcher.Served(ctx, inquiry.Bill)
	}
	return inquiry, nil
}

// classify returns how an inquiry was answered.
func classify(got Inquiry, err error) Answer {
	switch {
	case err == nil && got.Record.Status == Processing:
		return Accepted
	case err == nil && got.Bill.Stale:
		return Stale
	case err == nil:
		return Fresh
	case isRefusal(err):
		return Refused
	case errors.Is(err, ErrInProgress):
		return InProgress
	case errors.Is(err, ErrQueueFull):
		return Full
	}
	return Unavailable
}

// process answers an inquiry from the caches or the archive, or else by the queue.
func (i *Inquiries) process(ctx context.Context, record Record, async bool, limit time.Duration) (Inquiry, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	waitOver := time.After(limit)
	got, err := i.lookUp(ctx, record.query(), limit)
	if errors.Is(err, ErrMiss) {
		return i.wait(ctx, record, async, waitOver)
	}
	record = finished(record, got, err, i.now())
	i.history.Append(ctx, record)
	return Inquiry{Record: record, Bill: got}, err
}

// lookUp returns a fresh bill, or a stale one if KOS gives no newer one within
// softTimeout. It returns a refusal of KOS, or ErrMiss; a stale bill counts as a miss
// if limit is less than softTimeout.
func (i *Inquiries) lookUp(ctx context.Context, q Query, limit time.Duration) (Bill, error) {
	soft, cancel := context.WithTimeout(ctx, min(limit, softTimeout))
	defer cancel()
	found, err := i.reader.Bill(ctx, q)
	switch {
	case err != nil || !found.Bill.Stale:
		return found.Bill, err
	case limit < softTimeout:
		return Bill{}, ErrMiss
	case found.Refreshing:
		return found.Bill, nil
	}
	return i.refreshed(ctx, soft, q, found.Bill)
}

// refreshed returns a newer bill than old if KOS gives one before soft ends, else old.
// It returns a refusal of KOS, or ErrMiss if old has been invalidated meanwhile.
func (i *Inquiries) refreshed(ctx, soft context.Context, q Query, old Bill) (Bill, error) {
	if i.freshEnough(soft, old) {
		old.Stale = false
		return old, nil
	}
	start := i.now()
	if !i.fetch(ctx, soft, Fetch{Subject: q.subject(), Customers: []string{q.Customer}, RequestID: i.newID()}) {
		i.reader.NoteRefresh(q, old)
		return old, nil
	}
	q.Since = start
	found, err := i.reader.Bill(ctx, q)
	if err == nil && found.Bill.Stale { // the fetch was set aside
		i.reader.NoteRefresh(q, found.Bill)
	}
	return found.Bill, err
}

// fetched returns a bill from KOS within softTimeout, a refusal of KOS, or ErrMiss.
func (i *Inquiries) fetched(ctx context.Context, q Query) (Bill, error) {
	soft, cancel := context.WithTimeout(ctx, softTimeout)
	defer cancel()
	q.Since = i.now()
	if !i.fetch(ctx, soft, Fetch{Subject: q.subject(), Customers: []string{q.Customer}, RequestID: i.newID()}) {
		return Bill{}, ErrMiss
	}
	found, err := i.reader.Bill(ctx, q)
	return found.Bill, err
}

// freshFor is the age up to which a bill is fresh while others wait for KOS: the
// time-to-live of L1.
const freshFor = 5 * time.Minute

// freshEnough reports whether a bill is at most freshFor old and KOS could not be called
// at once for a newer one, be it that no outage is known.
func (i *Inquiries) freshEnough(ctx context.Context, old Bill) bool {
	if old.Outdated || i.now().Sub(old.AsOf) > freshFor {
		return false
	}
	if callable, err := i.queue.Callable(ctx, BillInquiry); err != nil || !callable {
		return false
	}
	busy, err := i.queue.Busy(ctx, BillInquiry)
	return err == nil && busy
}

// fetch enqueues a fetch and reports whether it ended or was set aside before soft ends.
// It does not wait if other items are ahead, and does not enqueue during an outage.
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
		i.log.WarnContext(ctx, "refresh enqueue failed", "error", err)
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

// wait enqueues an inquiry and waits for its end until waitOver or the end of ctx. The
// inquiry stays queued if the client leaves.
func (i *Inquiries) wait(ctx context.Context, record Record, async bool, waitOver <-chan time.Time) (Inquiry, error) {
	// Await comes first: an end before it would be missed.
	changed, stop := i.queue.Await(record.subject())
	defer stop()
	standing, err := i.enqueue(ctx, record, async)
	if err != nil {
		i.history.Append(ctx, finished(record, Bill{}, err, i.now()))
		return Inquiry{}, err
	}
	for {
		select {
		case <-changed:
		case <-waitOver:
			standing = i.standing(ctx, record, standing)
			if async {
				return Inquiry{Record: record, Standing: standing}, nil
			}
			return Inquiry{}, inProgress(standing)
		case <-ctx.Done():
			return Inquiry{}, inProgress(i.standing(ctx, record, standing))
		}
		if now, err := i.history.Find(ctx, record.UserID, record.RequestID); err == nil && now.Status != Processing {
			return i.ended(ctx, record, now)
		}
		if now, err := i.queue.Standing(ctx, record.RequestID); err == nil && now.Unavailable && !async {
			return Inquiry{}, ErrOutage // the inquiry stays queued
		}
	}
}

// enqueue enqueues an inquiry, even if ctx ends meanwhile, within enqueueTimeout after
// the deadline of ctx. Without async it returns ErrOutage during an outage.
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
			return Standing{}, ErrOutage
		}
	}
	return i.queue.EnqueueInquiry(ctx, record)
}

// ended returns the result of a queued inquiry that has ended: before is its record
// when it was enqueued, after the one when it ended.
func (i *Inquiries) ended(ctx context.Context, before, after Record) (Inquiry, error) {
	if after.Status == Failed {
		return Inquiry{Record: after}, refusalOf(after.ResultCode)
	}
	q := before.query()
	q.Since = before.RequestedAt
	found, err := i.reader.Bill(ctx, q)
	if errors.Is(err, ErrMiss) { // neither the caches nor the archive could store it
		err = ErrDatabase.WithCause(err)
	}
	return Inquiry{Record: after, Bill: found.Bill}, err
}

// standing returns where the fetch of an inquiry stands now, or last if that cannot be
// found out in time.
func (i *Inquiries) standing(ctx context.Context, record Record, last Standing) Standing {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), standingTimeout)
	defer cancel()
	now, err := i.queue.Standing(ctx, record.RequestID)
	if err != nil {
		return last
	}
	return now
}

// inProgress returns ErrInProgress with the estimate as the time to retry after.
func inProgress(s Standing) error { return ErrInProgress.After(max(s.Estimate, time.Second)) }
