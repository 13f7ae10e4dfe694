package billtest

import (
	"slices"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
)

// wake wakes the dispatcher, or starts it.
func (q *Queue) wake() {
	if q.opts.Fetch == nil {
		return
	}
	if q.dispatcher == nil {
		woken := make(chan struct{}, 1)
		q.dispatcher = woken
		q.running.Go(func() { q.run(woken) })
	}
	offer(q.dispatcher)
}

// run dispatches items until the queue is empty.
func (q *Queue) run(woken <-chan struct{}) {
	for {
		wait, empty := q.dispatch()
		if empty {
			return
		}
		select {
		case <-q.ctx.Done():
			return
		case <-woken:
		case <-time.After(wait):
		}
	}
}

// dispatch starts attempts for the ready items that the budget admits. It returns the
// time until the next dispatch.
func (q *Queue) dispatch() (wait time.Duration, empty bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		all := q.inOrder()
		if len(all) == 0 {
			q.dispatcher = nil
			return 0, true
		}
		if outage := time.Until(q.outage); outage > 0 {
			return outage, false
		}
		first := slices.IndexFunc(all, (*item).ready)
		if first < 0 {
			return untilDue(all), false
		}
		part := 1.0
		if all[first].Background {
			part = 0.5
		}
		if wait := q.budget.reserve(part); wait > 0 {
			return wait, false
		}
		claimed := all[first]
		claimed.claimed = true
		fetch := claimed.Fetch
		q.running.Go(func() { q.conclude(claimed, q.opts.Fetch(q.ctx, fetch)) })
	}
}

// untilDue returns the time until the next item is ready. Claimed items wake the
// dispatcher when they are released.
func untilDue(all []*item) time.Duration {
	wait := 5 * time.Second
	for _, i := range all {
		if !i.claimed {
			wait = min(wait, max(time.Millisecond, time.Until(i.due)))
		}
	}
	return wait
}

const (
	retry        = 3 * time.Second
	longestRetry = time.Minute
)

// conclude ends an item or releases it to the queue.
func (q *Queue) conclude(i *item, reply bill.Reply) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i.claimed = false
	switch reply.Step() {
	case bill.StepAnswered:
		q.outage = time.Time{}
		q.end(i, reply)
	case bill.StepThrottled:
	case bill.StepNotCalled:
		q.outage = time.Now().Add(retry)
	case bill.StepUnanswered:
		if i.failing.IsZero() {
			i.failing = time.Now()
		}
		if time.Since(i.failing) > q.opts.GiveUpAfter {
			q.end(i, bill.GivenUp)
			break
		}
		i.due = time.Now().Add(min(retry<<min(i.unanswered, 10), longestRetry))
		i.unanswered++
	}
	for waiter := range q.waiters[i.Subject] {
		offer(waiter)
	}
	q.wake()
}

func (q *Queue) end(i *item, reply bill.Reply) {
	delete(q.items, i.Subject)
	for _, record := range i.inquiries {
		delete(q.inquiry, record.RequestID)
		if q.opts.Appended != nil {
			q.opts.Appended(reply.Finish(record, q.opts.Now()))
		}
	}
	if q.opts.Ended != nil {
		q.opts.Ended(i.Fetch, reply)
	}
}
