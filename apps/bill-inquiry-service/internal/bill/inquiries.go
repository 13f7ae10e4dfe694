package bill

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Inquiries are the use cases of a customer.
type Inquiries struct {
	bills      *readthrough.ReadThrough[Query, Bill]
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

// hotAfter is the age from which a bill is refreshed ahead when it is read. Bills expire
// after an hour.
const hotAfter = 45 * time.Minute

// NewInquiries returns the use cases.
func NewInquiries(p InquiriesParams) *Inquiries {
	return &Inquiries{
		bills: readthrough.New(p.Reader, readthrough.Queue[Query](refreshes{p.Queue, p.Prefetcher}), hotAfter, p.Now),
		queue: p.Queue, history: p.History, meter: p.Meter,
		prefetcher: p.Prefetcher, window: p.Window, now: p.Now, newID: p.NewID, log: p.Log,
	}
}

const (
	// answerTimeout is how long an inquiry waits for its bill. Product rule: an answer
	// within 8 s, which leaves 1 s for enqueueing and for writing the answer.
	answerTimeout = 7 * time.Second
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
		i.prefetcher.Served(inquiry.Bill)
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
	got, err := i.lookUp(ctx, record.Query(), limit)
	if errors.Is(err, readthrough.ErrMiss) {
		return i.wait(ctx, record, async, waitOver)
	}
	record = finished(record, got, err, i.now())
	i.history.Append(ctx, record)
	return Inquiry{Record: record, Bill: got}, err
}

// lookUp returns a fresh bill, or a stale one if KOS gives no newer one within the soft
// timeout. It returns a refusal of KOS, or readthrough.ErrMiss; a stale bill counts as a
// miss if limit is less than the soft timeout.
func (i *Inquiries) lookUp(ctx context.Context, q Query, limit time.Duration) (Bill, error) {
	if limit >= readthrough.SoftTimeout {
		return shown(i.bills.Get(ctx, q, time.Time{}))
	}
	found, err := i.bills.Find(ctx, q, time.Time{})
	if err == nil && found.Stale {
		return Bill{}, readthrough.ErrMiss
	}
	return shown(found, err)
}

// shown returns a bill that was found, marked if it is stale.
func shown(found readthrough.Found[Bill], err error) (Bill, error) {
	found.Value.Stale = found.Stale
	return found.Value, err
}

// wait enqueues an inquiry and waits for its end until waitOver or the end of ctx. The
// inquiry stays queued if the client leaves.
func (i *Inquiries) wait(ctx context.Context, record Record, async bool, waitOver <-chan time.Time) (Inquiry, error) {
	// Await comes first: an end before it would be missed.
	changed, stop := i.queue.Await(record.Query())
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
		if now, err := i.queue.InquiryStanding(ctx, record.RequestID); err == nil && now.Unavailable && !async {
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
		callable, err := i.queue.Callable(ctx, record.Query())
		if err != nil {
			return Standing{}, err
		}
		if !callable {
			return Standing{}, ErrOutage
		}
	}
	standing, err := i.queue.EnqueueInquiry(ctx, record)
	if errors.Is(err, readthrough.ErrFull) {
		return standing, ErrQueueFull
	}
	return standing, err
}

// ended returns the result of a queued inquiry that has ended: before is its record
// when it was enqueued, after the one when it ended.
func (i *Inquiries) ended(ctx context.Context, before, after Record) (Inquiry, error) {
	if after.Status == Failed {
		return Inquiry{Record: after}, refusalOf(after.ResultCode)
	}
	found, err := shown(i.bills.Find(ctx, before.Query(), before.RequestedAt))
	if errors.Is(err, readthrough.ErrMiss) { // neither the caches nor the archive could store it
		err = ErrDatabase.WithCause(err)
	}
	return Inquiry{Record: after, Bill: found}, err
}

// standing returns where the fetch of an inquiry stands now, or last if that cannot be
// found out in time.
func (i *Inquiries) standing(ctx context.Context, record Record, last Standing) Standing {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), standingTimeout)
	defer cancel()
	now, err := i.queue.InquiryStanding(ctx, record.RequestID)
	if err != nil {
		return last
	}
	return now
}

// inProgress returns ErrInProgress with the estimate as the time to retry after.
func inProgress(s Standing) error { return ErrInProgress.After(max(s.Estimate, time.Second)) }
