package change

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Requests are the use cases of a customer.
type Requests struct {
	plans   Plans
	changes Acceptance
	history History
	now     func() time.Time
	newID   func() string
}

// RequestsParams are what Requests need.
type RequestsParams struct {
	Plans   Plans
	Changes Acceptance
	History History
	Now     func() time.Time
	NewID   func() string // UUIDs of version 7
}

// NewRequests returns the use cases.
func NewRequests(p RequestsParams) *Requests {
	return &Requests{plans: p.Plans, changes: p.Changes, history: p.History, now: p.Now, newID: p.NewID}
}

const (
	// answerTimeout is how long a client waits for its answer, checks included.
	// Product rule: an answer within 8 s; the rest is for writing it.
	answerTimeout = 7500 * time.Millisecond
	// pollInterval is how often a change is read while a client waits, should a
	// notification be lost.
	pollInterval = time.Second
	// maxDaysAhead is how far in the future KOS takes orders.
	maxDaysAhead = 60
)

// Ask accepts a change and returns it: final if it became so while the client
// waits, else as it stands by then. With async the client waits only if it says
// how long. The same key stands for the same change however often it is asked for.
//
// It returns product.ErrNotYourLine, ErrPastDay, ErrDayTooFar, ErrKeyReused,
// ErrInProgress, ErrSuspended, ErrInvalid, what product.Plans.Inspect returns,
// or a fault; then nothing was accepted.
func (r *Requests) Ask(ctx context.Context, asker Asker, order Order, key Key, async bool) (Change, error) {
	if !asker.Owns(order.Line) {
		return Change{}, product.ErrNotYourLine
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	accepted, err := r.once(ctx, asker, order, key)
	if err != nil || async && asker.Wait == nil {
		return accepted, err
	}
	if asker.Wait != nil {
		var leave context.CancelFunc
		ctx, leave = context.WithTimeout(ctx, *asker.Wait)
		defer leave()
	}
	return r.await(ctx, accepted)
}

// once returns the change that the key stands for, or accepts one. Of requests
// that come at the same time one is accepted; what the others fail by, the
// line's running change or its new plan, is then its doing.
func (r *Requests) once(ctx context.Context, asker Asker, order Order, key Key) (Change, error) {
	if known, err := r.recall(ctx, asker, order, key); !errors.Is(err, ErrNoChange) {
		return known, err
	}
	accepted, err := r.accept(ctx, asker, order, key)
	if err == nil {
		return accepted, nil
	}
	if twin, missing := r.recall(ctx, asker, order, key); !errors.Is(missing, ErrNoChange) {
		return twin, missing
	}
	return Change{}, err
}

// recall returns the change that the key stands for, ErrNoChange, or
// ErrKeyReused.
func (r *Requests) recall(ctx context.Context, asker Asker, order Order, key Key) (Change, error) {
	if key.Text == "" {
		return Change{}, ErrNoChange
	}
	requestID, body, err := r.changes.Recall(ctx, asker.UserID, key.Text)
	if err != nil {
		return Change{}, err
	}
	same, atOnce := bytes.Equal(body, order.digest()), bytes.Equal(body, order.atOnce().digest())
	if !same && !atOnce {
		return Change{}, ErrKeyReused
	}
	found, err := r.history.Find(ctx, asker.UserID, requestID)
	if err == nil && !same && DayOf(found.RequestedAt) != order.Effective {
		return Change{}, ErrKeyReused // the day is not the one on which it was asked for
	}
	return found, err
}

// accept checks an order, also against what KOS says now, and writes it down. A
// change of the line's customer before is told of after KOS has said whose the
// line is.
func (r *Requests) accept(ctx context.Context, asker Asker, order Order, key Key) (Change, error) {
	effective, err := r.effective(order.Effective)
	if err != nil {
		return Change{}, err
	}
	subscription := asker.Subscription(order.Line)
	busy, err := r.changes.InProgress(ctx, subscription)
	if err != nil {
		return Change{}, err
	}
	if busy {
		return Change{}, ErrInProgress
	}
	inspection, err := r.plans.Inspect(ctx, subscription, order.Current, order.Target)
	if err != nil {
		return Change{}, err
	}
	if err := refusal(inspection); err != nil {
		return Change{}, err
	}
	now := r.now()
	accepted := Change{
		RequestID: r.newID(), UserID: asker.UserID, CustomerID: asker.CustomerID, Line: order.Line,
		CurrentCode: inspection.Subscriber.Product.Code, CurrentName: inspection.Subscriber.Product.Name,
		Target: inspection.Target, Effective: effective, Status: Pending, RequestedAt: now,
	}
	order.Effective = effective
	key.Body = order.digest()
	if err := r.changes.Accept(ctx, accepted, key, inspection.Subscriber.Mark); err != nil {
		return Change{}, fmt.Errorf("accept change: %w", err)
	}
	return accepted, nil
}

// effective returns the day on which an order is to take effect. Today is as
// soon as may be: should the order come to KOS after midnight, it still holds.
func (r *Requests) effective(wanted Day) (Day, error) {
	now := r.now()
	switch today := DayOf(now); {
	case wanted == "", wanted == today:
		return "", nil
	case wanted < today:
		return "", ErrPastDay
	case wanted > DayOf(now.AddDate(0, 0, maxDaysAhead)):
		return "", ErrDayTooFar
	}
	return wanted, nil
}

// CheckResult is one condition of a change, as clients are told of it.
type CheckResult struct {
	CheckType product.CheckType `json:"checkType"`
	Result    string            `json:"result"` // PASS, FAIL
	Message   string            `json:"message"`
}

// Results returns the conditions as clients are told of them.
func Results(checks []product.Check) []CheckResult {
	results := make([]CheckResult, len(checks))
	for i, c := range checks {
		results[i] = CheckResult{CheckType: c.Type, Result: "FAIL", Message: c.Message}
		if c.Passed {
			results[i].Result = "PASS"
		}
	}
	return results
}

type refusalDetails struct {
	ValidationDetails []CheckResult `json:"validationDetails"`
}

func refusal(inspection product.Inspection) error {
	if inspection.Passed() {
		return nil
	}
	details := refusalDetails{Results(inspection.Checks)}
	if inspection.Failed(product.LineStatus) {
		return ErrSuspended.WithDetails(details)
	}
	refused := ErrInvalid.WithDetails(details)
	refused.Message = inspection.FailureReason()
	return refused
}

// await returns the change once it is final, or as it stands when ctx ends.
func (r *Requests) await(ctx context.Context, c Change) (Change, error) {
	ended, stop := r.changes.Await(c.Line)
	defer stop()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		// The first look comes after the registration: nothing can be missed.
		seen, err := r.history.Find(ctx, c.UserID, c.RequestID)
		if err == nil {
			c = seen
		}
		if c.Status.Final() {
			return c, nil
		}
		select {
		case <-ended:
		case <-ticker.C:
		case <-ctx.Done():
			return c, nil // it is accepted, whatever it takes
		}
	}
}

// Result returns one of the asker's own changes. It returns ErrNoChange.
func (r *Requests) Result(ctx context.Context, asker Asker, requestID string) (Change, error) {
	found, err := r.history.Find(ctx, asker.UserID, requestID)
	if err != nil {
		return Change{}, err
	}
	if !asker.Owns(found.Line) { // the line has another owner by now
		return Change{}, ErrNoChange
	}
	return found, nil
}

// History returns a page of the asker's own changes. Filter's user is set here;
// lines that are not the asker's are refused with product.ErrNotYourLine, and
// none mean all of the asker's.
func (r *Requests) History(ctx context.Context, asker Asker, filter Filter) (Page, error) {
	filter.UserID = asker.UserID
	for _, line := range filter.Lines {
		if !asker.Owns(line) {
			return Page{}, product.ErrNotYourLine
		}
	}
	if len(filter.Lines) == 0 {
		filter.Lines = asker.Lines
	}
	return r.history.List(ctx, filter)
}
