package bill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// Inquiries are the use cases of a customer.
type Inquiries struct {
	bills   *Bills
	queue   Queue
	signals *Signals
	history History
	meter   Meter
	ahead   *Prefetcher
	window  Window
	now     func() time.Time
	newID   func() string
}

// InquiriesParams are what Inquiries need.
type InquiriesParams struct {
	Bills   *Bills
	Queue   Queue
	Signals *Signals
	History History
	Meter   Meter
	Ahead   *Prefetcher
	Window  Window
	Now     func() time.Time
	NewID   func() string // UUIDs of version 7
}

// NewInquiries returns the use cases.
func NewInquiries(p InquiriesParams) *Inquiries {
	return &Inquiries{
		bills: p.Bills, queue: p.Queue, signals: p.Signals, history: p.History, meter: p.Meter,
		ahead: p.Ahead, window: p.Window, now: p.Now, newID: p.NewID,
	}
}

// patience is how long a client waits for its bill. Product rule: an answer
// within 8 s; the rest is for getting in line, and for the answer.
const patience = 7 * time.Second

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
		return min(*a.Wait, patience)
	case async:
		return 0
	}
	return patience
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
	Record Record
	Bill   Bill  // only of a completed inquiry
	Place  Place // only of one that waits
}

// Inquire returns the bill of a line and month; an empty month is this one.
// With async an inquiry that only KOS can answer is still processing when the
// asker's wait is over, which is at once if the asker does not say.
//
// It returns ErrNotYourLine, ErrMonthFuture, ErrMonthTooOld, ErrUnknownLine,
// ErrSuspended, ErrNoBill, ErrLineMoved, an error that wraps ErrUnavailable, ErrLineFull,
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
	case errors.Is(err, ErrLineFull):
		return Full
	}
	return Unavailable
}

// asyncWait bounds the look for what is known, for a client that does not want
// to wait.
const asyncWait = 300 * time.Millisecond

func (i *Inquiries) process(ctx context.Context, record Record, async bool, limit time.Duration) (Inquiry, error) {
	whole, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	waiting, leave := context.WithTimeout(whole, limit)
	defer leave()
	got, err := i.look(whole, waiting, record, limit)
	if errors.Is(err, ErrMustWait) || err != nil && waiting.Err() != nil {
		return i.wait(whole, record, async, waiting.Done())
	}
	record = settled(record, got, err, i.now())
	i.history.Append(ctx, record)
	return Inquiry{Record: record, Bill: got}, err
}

// look answers what can be answered without waiting in line. A wait that is too
// short to ask KOS is still long enough for what is known.
func (i *Inquiries) look(whole, waiting context.Context, record Record, limit time.Duration) (Bill, error) {
	q := Question{Subject: record.subject(), Customer: record.Customer, RequestID: record.RequestID}
	if limit > asyncWait {
		return i.bills.Get(waiting, q)
	}
	brief, cancel := context.WithTimeout(whole, asyncWait)
	defer cancel()
	return i.bills.Known(brief, q)
}

// entering is how long it may take to get in line after a client's patience has
// ended: the answer is then that the inquiry goes on.
const entering = 700 * time.Millisecond

// wait gets an inquiry in line, which then goes on whatever its client does. The
// client waits until over.
func (i *Inquiries) wait(ctx context.Context, record Record, async bool, over <-chan struct{}) (Inquiry, error) {
	// What is told between getting in line and listening would be missed.
	told, leave := i.signals.Await(record.subject().Key())
	defer leave()
	place, err := i.enter(ctx, record)
	if err != nil {
		i.history.Append(ctx, settled(record, Bill{}, err, i.now()))
		return Inquiry{}, err
	}
	for {
		select {
		case <-told:
		case <-over:
			if async {
				return Inquiry{Record: record, Place: place}, nil
			}
			return Inquiry{}, i.stillRunning(ctx, record, place)
		}
		if now, err := i.history.Find(ctx, record.UserID, record.RequestID); err == nil && now.Status != Processing {
			return i.told(ctx, record, now)
		}
	}
}

// enter gets an inquiry in line, also if its client leaves meanwhile. The deadline
// of ctx is the end of the client's patience.
func (i *Inquiries) enter(ctx context.Context, record Record) (Place, error) {
	patient, _ := ctx.Deadline()
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), patient.Add(entering))
	defer cancel()
	return i.queue.Enter(ctx, record)
}

// told returns what has become of an inquiry that waited.
func (i *Inquiries) told(ctx context.Context, asked, now Record) (Inquiry, error) {
	if now.Status == Failed {
		return Inquiry{Record: now}, refusalOf(now.ResultCode)
	}
	got, err := i.bills.Get(ctx, Question{
		Subject: now.subject(), Customer: asked.Customer, RequestID: now.RequestID, Since: asked.RequestedAt,
	})
	return Inquiry{Record: now, Bill: got}, err
}

// stillRunning tells a client who has waited long enough when to come back.
func (i *Inquiries) stillRunning(ctx context.Context, record Record, place Place) error {
	looking, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterthought)
	defer cancel()
	if now, err := i.queue.Place(looking, record.RequestID); err == nil {
		place = now
	}
	return ErrStillRunning.After(max(place.Estimate, time.Second))
}

// settled returns record with its outcome.
func settled(record Record, got Bill, err error, now time.Time) Record {
	record.ProcessedAt = now
	if err == nil {
		record.Status, record.ResultCode = Completed, "0000"
		record.Summary = fmt.Sprintf("%s 청구 금액 %s원", record.Month, won(got.Charges.Total))
		return record
	}
	refusal := problem.From(err)
	record.Status, record.ResultCode, record.Summary = Failed, refusal.Code, refusal.Message
	return record
}

// settledBy returns record with the outcome that a reply is for its customer. A
// record of the release before names none: it ends without an amount, which may
// not be its customer's.
func settledBy(reply Reply, record Record, now time.Time) Record {
	if record.Customer == "" && (reply.Err == nil || errors.Is(reply.Err, ErrLineMoved)) {
		record.ProcessedAt, record.Status, record.ResultCode = now, Completed, "0000"
		record.Summary = fmt.Sprintf("%s 요금 조회 완료", record.Month)
		return record
	}
	got, err := reply.For(record.Customer)
	return settled(record, got, err, now)
}

// won writes an amount with thousands separators.
func won(amount int64) string {
	text := fmt.Sprintf("%d", max(amount, -amount))
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	if amount < 0 {
		return "-" + text
	}
	return text
}
