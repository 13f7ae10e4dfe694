package bill

import (
	"context"
	"errors"
	"fmt"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
)

// Result returns one of the caller's own inquiries, with its bill if the inquiry is
// completed and the bill is available. It returns ErrNoInquiry, ErrLineMoved or
// ErrDatabase.
func (i *Inquiries) Result(ctx context.Context, caller Caller, requestID string) (Inquiry, error) {
	record, err := i.history.Find(ctx, caller.UserID, requestID)
	if err != nil {
		return Inquiry{}, err
	}
	if !caller.owns(record.Line) { // the line is no longer the user's
		return Inquiry{}, ErrNoInquiry
	}
	switch record.Status {
	case Completed:
		return i.completed(ctx, caller, record)
	case Failed:
		if record.ResultCode == ErrLineMoved.Code {
			return Inquiry{}, ErrLineMoved
		}
	case Processing:
		standing, err := i.queue.InquiryStanding(ctx, requestID)
		if err == nil {
			return Inquiry{Record: record, Standing: standing}, nil
		}
		if !errors.Is(err, ErrNotQueued) {
			return Inquiry{}, err
		}
		if record, err = i.history.Find(ctx, caller.UserID, requestID); err != nil { // it has ended meanwhile
			return Inquiry{}, err
		}
		if record.Status == Completed {
			return i.completed(ctx, caller, record)
		}
	}
	return Inquiry{Record: record.closeAbandoned(i.now())}, nil
}

// completed returns a completed inquiry, with its bill if that is available.
func (i *Inquiries) completed(ctx context.Context, caller Caller, record Record) (Inquiry, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	q := Query{Subscription{caller.CustomerID, record.Line}, record.Month}
	got, err := shown(i.bills.Get(ctx, q, record.RequestedAt))
	if errors.Is(err, readthrough.ErrMiss) {
		soft, cancel := context.WithTimeout(ctx, readthrough.SoftTimeout)
		defer cancel()
		got, err = shown(i.bills.Fetch(soft, q, true))
	}
	if isRefusal(err) {
		return Inquiry{}, fmt.Errorf("result: %w", err)
	}
	return Inquiry{Record: record, Bill: got}, nil // without the bill if KOS does not answer
}

// History returns a page of the caller's own inquiries. It ignores filter.UserID.
// Without lines in the filter it selects all lines of the caller. It returns
// ErrLineNotAllowed for a line that is not the caller's, or ErrDatabase.
func (i *Inquiries) History(ctx context.Context, caller Caller, filter Filter) (Page, error) {
	filter.UserID = caller.UserID
	for _, line := range filter.Lines {
		if !caller.owns(line) {
			return Page{}, ErrLineNotAllowed
		}
	}
	if len(filter.Lines) == 0 {
		filter.Lines = caller.Lines
	}
	page, err := i.history.List(ctx, filter)
	if err != nil {
		return Page{}, err
	}
	for n := range page.Records {
		page.Records[n] = page.Records[n].closeAbandoned(i.now())
	}
	return page, nil
}
