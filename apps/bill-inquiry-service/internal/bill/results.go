package bill

import (
	"context"
	"errors"
	"fmt"
)

// Result returns one of the asker's own inquiries, with its bill if that is
// completed and can still be had. It returns ErrNoInquiry, ErrLineMoved or
// ErrDatabase.
func (i *Inquiries) Result(ctx context.Context, asker Asker, requestID string) (Inquiry, error) {
	record, err := i.history.Find(ctx, asker.UserID, requestID)
	if err != nil {
		return Inquiry{}, err
	}
	if !asker.owns(record.Line) { // the line has another owner by now
		return Inquiry{}, ErrNoInquiry
	}
	switch record.Status {
	case Completed:
		return i.completed(ctx, asker, record)
	case Failed:
		if record.ResultCode == ErrLineMoved.Code {
			return Inquiry{}, ErrLineMoved
		}
	case Processing:
		standing, err := i.queue.Standing(ctx, requestID)
		if err == nil {
			return Inquiry{Record: record, Standing: standing}, nil
		}
		if !errors.Is(err, ErrNotQueued) {
			return Inquiry{}, err
		}
		if record, err = i.history.Find(ctx, asker.UserID, requestID); err != nil { // it has just ended
			return Inquiry{}, err
		}
		if record.Status == Completed {
			return i.completed(ctx, asker, record)
		}
	}
	return Inquiry{Record: record.settle(i.now())}, nil
}

// completed returns a completed inquiry with its bill, if that can be had.
func (i *Inquiries) completed(ctx context.Context, asker Asker, record Record) (Inquiry, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	q := Query{Subscription: Subscription{asker.CustomerID, record.Line}, Month: record.Month, Since: record.RequestedAt}
	got, err := i.known(ctx, q, answerTimeout)
	if err != nil && !errors.Is(err, ErrNotKnown) {
		return Inquiry{}, fmt.Errorf("result: %w", err)
	}
	return Inquiry{Record: record, Bill: got}, nil
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
