package change

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Processor looks after accepted changes, one at a time, until each is final.
// It may be interrupted anywhere, and two may look after the same change at
// once: KOS carries out a request once, and the queue ends a change once.
type Processor struct {
	queue    Queue
	carrier  Carrier
	lines    Lines
	outcomes *Outcomes
	meter    Meter
	pace     Pace
	log      *slog.Logger
	now      func() time.Time
}

// Pace is how long changes rest.
type Pace struct {
	// Call is how far apart calls of KOS are under its limit.
	Call time.Duration
	// Retry is the rest after KOS could not be asked, and the shortest after it
	// did not answer.
	Retry time.Duration
}

// ProcessorParams are what a Processor needs.
type ProcessorParams struct {
	Queue    Queue
	Carrier  Carrier
	Lines    Lines
	Outcomes *Outcomes
	Meter    Meter
	Pace     Pace
	Log      *slog.Logger
	Now      func() time.Time
}

// NewProcessor returns a processor.
func NewProcessor(p ProcessorParams) *Processor {
	return &Processor{
		queue: p.Queue, carrier: p.Carrier, lines: p.Lines, outcomes: p.Outcomes,
		meter: p.Meter, pace: p.Pace, log: p.Log, now: p.Now,
	}
}

const (
	// step is the shortest rest, and how far apart those wake at least who wait
	// one behind the other, so that they wake in their order.
	step = 20 * time.Millisecond
	// near is how many may be before a change that waits for them awake, and
	// nearLimit for how long.
	near      = 8
	nearLimit = 500 * time.Millisecond
	// longestRetry is the longest rest of a change that KOS does not answer.
	longestRetry = time.Minute
	// longestQueued bounds how long a change far back in the queue sleeps.
	longestQueued = 5 * time.Minute
	// Product rule: a change that has waited this long is given up.
	tooOld = 24 * time.Hour
	// settle is how long after an order KOS may still accept it.
	settle = 2 * time.Minute
)

// Process brings a change as far as it will go now. It returns how long the
// change rests until it must be processed again; 0 if it is final. An error is
// a fault of ours: process the change again soon.
func (p *Processor) Process(ctx context.Context, requestID string) (rest time.Duration, err error) {
	place, err := p.queue.Load(ctx, requestID)
	switch {
	case errors.Is(err, ErrNoChange), err == nil && place.Status.Final():
		p.meter.Attempted(StepNothing)
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("process change: %w", err)
	case p.now().Sub(place.RequestedAt) > tooOld:
		return p.expire(ctx, place)
	case place.Asked:
		return p.reconcile(ctx, place)
	}
	return p.order(ctx, place)
}

// reconcile asks KOS about an order whose outcome is not known. Unless it has
// accepted one, it gets the order again. It gets it also if its outcomes cannot
// be asked for just now: the same order is carried out once.
func (p *Processor) reconcile(ctx context.Context, place Place) (time.Duration, error) {
	result, found, err := p.carrier.Inquire(ctx, place.Change)
	switch {
	case found:
		return 0, p.finish(ctx, place, p.outcome(result))
	case errors.Is(err, ErrNoAnswer):
		return p.unanswered(ctx, place, err)
	}
	place.Asked = err != nil
	return p.order(ctx, place)
}

// order brings a change to KOS, if it is its turn.
func (p *Processor) order(ctx context.Context, place Place) (time.Duration, error) {
	place, err := p.letPass(ctx, place)
	if err != nil {
		return 0, err
	}
	if place.Ahead > 0 {
		return p.queued(ctx, place)
	}
	if err := p.holds(ctx, place); errors.Is(err, product.ErrLineMoved) {
		return p.abandon(ctx, place, movedAway(p.now()))
	} else if err != nil {
		return p.unknownHolder(ctx, place, err)
	}
	turn, err := p.queue.TakeTurn(ctx, place)
	switch {
	case err != nil:
		return 0, fmt.Errorf("process change: %w", err)
	case turn.Ahead > 0:
		place.Ahead = turn.Ahead
		return p.queued(ctx, place)
	case turn.Limited > 0:
		p.meter.Attempted(StepLimited)
		return p.rest(ctx, place, Rest{Reason: Limit}, turn.Limited)
	case !turn.Granted: // a twin was faster
		p.meter.Attempted(StepNothing)
		return 0, nil
	}
	place.Asked = true
	place.Attempts++
	result, err := p.carrier.Order(ctx, place.Change)
	switch {
	case errors.Is(err, ErrNoAnswer):
		return p.unanswered(ctx, place, err)
	case err != nil:
		return p.notAsked(ctx, place, err)
	}
	return 0, p.finish(ctx, place, p.outcome(result))
}

// letPass waits a moment for those before a change who are just about to go:
// they were taken up together with it.
func (p *Processor) letPass(ctx context.Context, place Place) (Place, error) {
	ctx, cancel := context.WithTimeout(ctx, nearLimit)
	defer cancel()
	for 0 < place.Ahead && place.Ahead < near && !place.AheadRests {
		select {
		case <-ctx.Done():
			return place, nil
		case <-time.After(step):
		}
		now, err := p.queue.Load(ctx, place.RequestID)
		if err != nil && ctx.Err() == nil {
			return place, fmt.Errorf("process change: %w", err)
		}
		if err == nil {
			place.Ahead, place.AheadWaits, place.AheadRests = now.Ahead, now.AheadWaits, now.AheadRests
		}
	}
	return place, nil
}

func (p *Processor) outcome(result Result) Outcome {
	outcome := Outcome{
		Status: Failed, ResultCode: result.Code, ResultMessage: result.Message,
		Scheduled: result.Scheduled, At: p.now(),
	}
	if result.Code == OK {
		outcome.Status = Completed
	}
	return outcome
}

// queued lets a change sleep for half of the time that those before it need: it
// will be awake when its turn comes, and a long queue does not keep everybody
// busy with asking.
func (p *Processor) queued(ctx context.Context, place Place) (time.Duration, error) {
	p.meter.Attempted(StepQueued)
	reason := place.AheadWaits
	if reason == NotWaiting || reason == Limit {
		reason = Queued
	}
	pause := min(time.Duration(place.Ahead)*max(p.pace.Call/2, step), longestQueued)
	return p.rest(ctx, place, Rest{Reason: reason, Unanswered: place.Unanswered}, pause)
}

// notAsked puts a change back because KOS takes no orders from anybody. Others
// stay behind it, so that the order is kept until KOS takes them again.
func (p *Processor) notAsked(ctx context.Context, place Place, cause error) (time.Duration, error) {
	p.meter.Attempted(StepNotAsked)
	r, after := Rest{Reason: KOSUnavailable}, p.pace.Retry
	if told, ok := errors.AsType[*NotAskedError](cause); ok {
		r.Reason, after = told.Reason, max(after, told.After)
	}
	return p.rest(ctx, place, r, min(after, longestRetry))
}

// unanswered puts a change back that KOS has left without an answer. Others may
// pass it, and those it concerns too will be found not to be asked.
func (p *Processor) unanswered(ctx context.Context, place Place, cause error) (time.Duration, error) {
	p.meter.Attempted(StepNoAnswer)
	p.log.WarnContext(ctx, "change not answered", "request_id", place.RequestID, "attempt", place.Attempts, "error", cause)
	after := min(p.pace.Retry<<min(place.Unanswered, 10), longestRetry)
	return p.rest(ctx, place, Rest{Reason: KOSUnavailable, Unanswered: place.Unanswered + 1, Aside: true}, after)
}

// handOver bounds what is written once an attempt is over, also after a stop
// has cut it short.
const handOver = 3 * time.Second

func (p *Processor) rest(ctx context.Context, place Place, r Rest, pause time.Duration) (time.Duration, error) {
	pause = max(pause, step)
	r.Until, r.Asked = p.now().Add(pause), place.Asked
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), handOver)
	defer cancel()
	if err := p.queue.Rest(writing, place, r); err != nil {
		return 0, fmt.Errorf("process change: %w", err)
	}
	if ctx.Err() != nil { // whoever takes over goes on at once
		return 0, fmt.Errorf("process change: %w", ctx.Err())
	}
	return pause, nil
}

// finish ends a change. What replicas share forgets the line first: the end
// itself wakes them, and they must not find the old plan then.
func (p *Processor) finish(ctx context.Context, place Place, outcome Outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handOver)
	defer cancel()
	if outcome.Status == Completed && !outcome.Scheduled {
		if err := p.lines.Invalidate(ctx, place.Subscription()); err != nil {
			p.log.WarnContext(ctx, "cache keeps an old plan until the event comes", "error", err)
		}
	}
	done, err := p.queue.Finish(ctx, place, outcome)
	if err != nil {
		return fmt.Errorf("finish change: %w", err)
	}
	if !done {
		p.meter.Attempted(StepNothing)
		return nil
	}
	p.outcomes.Announce(place.RequestID)
	p.meter.Attempted(StepFinished)
	p.meter.Finished(outcome.Status, outcome.ResultCode, outcome.At.Sub(place.RequestedAt))
	return nil
}

// codeExpired is the result of a change that was given up.
const codeExpired = "EXPIRED"

// expire gives up a change that has waited too long.
func (p *Processor) expire(ctx context.Context, place Place) (time.Duration, error) {
	return p.abandon(ctx, place, Outcome{
		Status: Failed, ResultCode: codeExpired, At: p.now(),
		ResultMessage: "통신사 시스템 장애로 24시간 안에 처리하지 못해 취소되었습니다.",
	})
}

// abandon ends a change without an order, once it is sure that KOS has not
// carried out an earlier one and will not.
func (p *Processor) abandon(ctx context.Context, place Place, end Outcome) (time.Duration, error) {
	if !place.AskedAt.IsZero() {
		result, found, err := p.carrier.Inquire(ctx, place.Change)
		if found {
			return 0, p.finish(ctx, place, p.outcome(result))
		}
		open := settle - p.now().Sub(place.AskedAt)
		if err != nil || open > 0 {
			p.meter.Attempted(StepUndecided)
			place.Asked = true
			return p.rest(ctx, place, Rest{Reason: KOSUnavailable, Aside: true}, max(open, p.pace.Retry))
		}
	}
	return 0, p.finish(ctx, place, end)
}
