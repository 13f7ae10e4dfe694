package change

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Requests has the use cases of customers.
type Requests struct {
	plans   Plans
	changes Acceptance
	history History
	now     func() time.Time
	newID   func() string
}

// RequestsParams are the dependencies of Requests.
type RequestsParams struct {
	Plans   Plans
	Changes Acceptance
	History History
	Now     func() time.Time
	NewID   func() string // UUIDs of version 7
}

// NewRequests returns Requests with these dependencies.
func NewRequests(p RequestsParams) *Requests {
	return &Requests{plans: p.Plans, changes: p.Changes, history: p.History, now: p.Now, newID: p.NewID}
}

const (
	// answerTimeout bounds a request, checks included. Product rule: a response within
	// 8 s, which leaves 0.5 s for writing it.
	answerTimeout = 7500 * time.Millisecond
	// pollInterval is how often a change is read while its client waits, in case a
	// notification was lost.
	pollInterval = time.Second
	// maxDaysAhead is how far in the future the day of an order may be.
	maxDaysAhead = 60
)

// Submit accepts a change, waits until it is final and returns it. When the wait is over,
// it returns the change as it is then. With async it waits only if the caller names a
// wait. Submit is idempotent by key.
//
// It returns product.ErrNotYourLine, ErrPastDay, ErrDayTooFar, ErrKeyReused,
// ErrInProgress, ErrSuspended, ErrInvalid, the errors of product.Plans.Inspect, or a
// fault. After an error nothing was accepted, unless the commit itself got no answer.
func (r *Requests) Submit(ctx context.Context, caller Caller, order Order, key Key, async bool) (Change, error) {
	if !caller.Owns(order.Line) {
		return Change{}, product.ErrNotYourLine
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	accepted, err := r.acceptOnce(ctx, caller, order, key)
	if err != nil || async && caller.Wait == nil {
		return accepted, err
	}
	if caller.Wait != nil {
		var leave context.CancelFunc
		ctx, leave = context.WithTimeout(ctx, *caller.Wait)
		defer leave()
	}
	return r.await(ctx, accepted)
}

// acceptOnce returns the change that the key stands for, or accepts one. Of concurrent
// requests with one key one is accepted. The others fail, by the change in progress or by
// the new plan, and then find it by their key.
func (r *Requests) acceptOnce(ctx context.Context, caller Caller, order Order, key Key) (Change, error) {
	if known, err := r.findByKey(ctx, caller, order, key); !errors.Is(err, ErrNoChange) {
		return known, err
	}
	accepted, err := r.accept(ctx, caller, order, key)
	if err == nil {
		return accepted, nil
	}
	if other, missing := r.findByKey(ctx, caller, order, key); !errors.Is(missing, ErrNoChange) {
		return other, missing
	}
	return Change{}, err
}

// findByKey returns the change that the key stands for. It returns ErrNoChange if the key
// is new, and ErrKeyReused if it stands for another order.
func (r *Requests) findByKey(ctx context.Context, caller Caller, order Order, key Key) (Change, error) {
	if key.Text == "" {
		return Change{}, ErrNoChange
	}
	requestID, body, err := r.changes.FindKey(ctx, caller.UserID, key.Text)
	if err != nil {
		return Change{}, err
	}
	same, sameWithoutDay := bytes.Equal(body, order.digest()), bytes.Equal(body, order.withoutDay().digest())
	if !same && !sameWithoutDay {
		return Change{}, ErrKeyReused
	}
	found, err := r.history.Find(ctx, caller.UserID, requestID)
	if err == nil && !same && DayOf(found.RequestedAt) != order.Effective {
		return Change{}, ErrKeyReused // the day is not the one of the first request
	}
	return found, err
}

// accept checks an order against fresh answers of KOS and stores the change. A change in
// progress of the line's former customer is reported only after KOS has confirmed the
// present one.
func (r *Requests) accept(ctx context.Context, caller Caller, order Order, key Key) (Change, error) {
	effective, err := r.effective(order.Effective)
	if err != nil {
		return Change{}, err
	}
	subscription := caller.Subscription(order.Line)
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
		RequestID: r.newID(), UserID: caller.UserID, CustomerID: caller.CustomerID, Line: order.Line,
		CurrentCode: inspection.Subscriber.Product.Code, CurrentName: inspection.Subscriber.Product.Name,
		Target: inspection.Target, Effective: effective, Status: Pending, RequestedAt: now,
	}
	order.Effective = effective
	key.Body = order.digest()
	if err := r.changes.Accept(ctx, accepted, key, inspection.Subscriber.Version); err != nil {
		return Change{}, fmt.Errorf("accept change: %w", err)
	}
	return accepted, nil
}

// effective returns the day of an order, and the empty day for today: an order of today
// stays valid if KOS receives it after midnight. It returns ErrPastDay or ErrDayTooFar.
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

// CheckResult is the result of one condition, as in responses.
type CheckResult struct {
	CheckType product.CheckType `json:"checkType"`
	Result    string            `json:"result"` // PASS, FAIL
	Message   string            `json:"message"`
}

// Results returns the results of checks, as in responses.
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

// await returns the change once it is final, or as it is when ctx ends.
func (r *Requests) await(ctx context.Context, c Change) (Change, error) {
	ended, stop := r.changes.Await(c.Line)
	defer stop()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		// The first read comes after the registration: no end is missed.
		found, err := r.history.Find(ctx, c.UserID, c.RequestID)
		if err == nil {
			c = found
		}
		if c.Status.Final() {
			return c, nil
		}
		select {
		case <-ended:
		case <-ticker.C:
		case <-ctx.Done():
			return c, nil // it stays accepted
		}
	}
}

// Result returns a change of the caller's, or ErrNoChange.
func (r *Requests) Result(ctx context.Context, caller Caller, requestID string) (Change, error) {
	found, err := r.history.Find(ctx, caller.UserID, requestID)
	if err != nil {
		return Change{}, err
	}
	if !caller.Owns(found.Line) { // the line is not the caller's any more
		return Change{}, ErrNoChange
	}
	return found, nil
}

// History returns a page of the caller's changes. It sets the user of filter; without
// lines filter means all lines of the caller. It returns product.ErrNotYourLine for any
// other line.
func (r *Requests) History(ctx context.Context, caller Caller, filter Filter) (Page, error) {
	filter.UserID = caller.UserID
	for _, line := range filter.Lines {
		if !caller.Owns(line) {
			return Page{}, product.ErrNotYourLine
		}
	}
	if len(filter.Lines) == 0 {
		filter.Lines = caller.Lines
	}
	return r.history.List(ctx, filter)
}
