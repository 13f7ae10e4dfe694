package bill

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// History keeps the records of inquiries.
type History interface {
	// Append hands over a record. One with a known id replaces it, but only
	// while that is still processing. It waits for the commit for a moment at
	// most; the record is written in any case that leaves the process alive.
	Append(ctx context.Context, r Record)
	// Find returns a user's own record, or ErrNoInquiry or ErrDatabase.
	Find(ctx context.Context, userID, requestID string) (Record, error)
	// List returns the page that filter chooses, or ErrDatabase.
	List(ctx context.Context, filter Filter) (Page, error)
}

// Inquiries are the use cases of a customer.
type Inquiries struct {
	bills   *Bills
	history History
	window  Window
	now     func() time.Time
	newID   func() string
	pending sync.WaitGroup // inquiries whose clients did not wait
}

// NewInquiries returns the use cases. NewID must return UUIDs of version 7.
func NewInquiries(bills *Bills, history History, window Window, now func() time.Time, newID func() string) *Inquiries {
	return &Inquiries{bills: bills, history: history, window: window, now: now, newID: newID}
}

// patience is how long a client waits for its bill. Product rule: an answer
// within 8 s; the rest is for writing the record and the answer.
const patience = 7500 * time.Millisecond

// Asker is who asks: a user and the lines that are the user's.
type Asker struct {
	UserID string
	Lines  []msisdn.Number
}

func (a Asker) owns(line msisdn.Number) bool {
	for _, own := range a.Lines {
		if own == line {
			return true
		}
	}
	return false
}

// Inquiry is an answered inquiry.
type Inquiry struct {
	Record Record
	Bill   Bill // only of a completed inquiry
}

// Inquire returns the bill of a line and month; an empty month is this one. It
// returns ErrNotYourLine, ErrMonthFuture, ErrMonthTooOld, what Bills.Get
// returns, or ErrStillRunning: the inquiry then goes on.
func (i *Inquiries) Inquire(ctx context.Context, asker Asker, line msisdn.Number, month Month) (Inquiry, error) {
	if !asker.owns(line) {
		return Inquiry{}, ErrNotYourLine
	}
	now := i.now()
	if month == "" {
		month = MonthOf(now)
	}
	if err := i.window.Check(month, now); err != nil {
		return Inquiry{}, err
	}
	record := Record{
		RequestID: i.newID(), UserID: asker.UserID, Line: line, Month: month,
		Status: Processing, RequestedAt: now,
	}
	return i.process(ctx, record)
}

func (i *Inquiries) process(ctx context.Context, record Record) (Inquiry, error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, err := i.bills.Get(waiting, record.RequestID, record.Line, record.Month)
	if err != nil && waiting.Err() != nil {
		i.goOn(ctx, record)
		return Inquiry{}, ErrStillRunning.WithCause(err)
	}
	record = i.settled(record, got, err)
	i.history.Append(ctx, record)
	if err != nil {
		return Inquiry{}, fmt.Errorf("inquire: %w", err)
	}
	return Inquiry{Record: record, Bill: got}, nil
}

// goOn leaves an inquiry to itself: it is on record, its load continues in the
// cache, and its end will be recorded.
func (i *Inquiries) goOn(ctx context.Context, record Record) {
	ctx = context.WithoutCancel(ctx)
	i.history.Append(ctx, record)
	i.pending.Go(func() {
		got, err := i.bills.Get(ctx, record.RequestID, record.Line, record.Month)
		i.history.Append(ctx, i.settled(record, got, err))
	})
}

// Wait returns when no inquiry is left to itself any more.
func (i *Inquiries) Wait() { i.pending.Wait() }

// settled returns record with its outcome.
func (i *Inquiries) settled(record Record, got Bill, err error) Record {
	record.ProcessedAt = i.now()
	if err == nil {
		record.Status, record.ResultCode = Completed, "0000"
		record.Summary = fmt.Sprintf("%s 청구 금액 %s원", record.Month, won(got.Charges.Total))
		return record
	}
	refusal := problem.From(err)
	record.Status, record.ResultCode, record.Summary = Failed, refusal.Code, refusal.Message
	return record
}

// Result returns one of the asker's own inquiries, with its bill if that is
// completed and can still be had. It returns ErrNoInquiry or ErrDatabase.
func (i *Inquiries) Result(ctx context.Context, asker Asker, requestID string) (Inquiry, error) {
	record, err := i.history.Find(ctx, asker.UserID, requestID)
	if err != nil {
		return Inquiry{}, err
	}
	if !asker.owns(record.Line) { // the line has another owner by now
		return Inquiry{}, ErrNoInquiry
	}
	inquiry := Inquiry{Record: record.settle(i.now())}
	if inquiry.Record.Status != Completed {
		return inquiry, nil
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	inquiry.Bill, err = i.bills.Get(waiting, requestID, record.Line, record.Month)
	if err != nil && !errors.Is(err, ErrUnavailable) && waiting.Err() == nil {
		return Inquiry{}, fmt.Errorf("result: %w", err)
	}
	return inquiry, nil
}

// History returns a page of the asker's own inquiries. Filter's user is set
// here; lines that are not the asker's are refused with ErrNotYourLine, and
// none mean all of the asker's. It may return ErrDatabase.
func (i *Inquiries) History(ctx context.Context, asker Asker, filter Filter) (Page, error) {
	filter.UserID = asker.UserID
	for _, line := range filter.Lines {
		if !asker.owns(line) {
			return Page{}, ErrNotYourLine
		}
	}
	if len(filter.Lines) == 0 {
		filter.Lines = asker.Lines
	}
	page, err := i.history.List(ctx, filter)
	if err != nil {
		return Page{}, err
	}
	for n := range page.Records {
		page.Records[n] = page.Records[n].settle(i.now())
	}
	return page, nil
}

// menuPatience bounds the wait for the contract's start: a menu with all
// months is better than none.
const menuPatience = time.Second

// Menu is what an asker may ask for.
type Menu struct {
	Line    msisdn.Number
	Months  []Month // newest first
	Current Month
}

// Menu returns what may be asked for the asker's first line. While KOS cannot
// tell when the contract began, the months are all of the window. It returns
// ErrNotYourLine for an asker without a line.
func (i *Inquiries) Menu(ctx context.Context, asker Asker) (Menu, error) {
	if len(asker.Lines) == 0 {
		return Menu{}, ErrNotYourLine
	}
	ctx, cancel := context.WithTimeout(ctx, menuPatience)
	defer cancel()
	line, now := asker.Lines[0], i.now()
	// Without an answer the customer, and so the contract's month, is empty.
	customer, _ := i.bills.Customer(ctx, i.newID(), line)
	return Menu{Line: line, Months: i.window.Available(now, customer.ContractMonth()), Current: MonthOf(now)}, nil
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
