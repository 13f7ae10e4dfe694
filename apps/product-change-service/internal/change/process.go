package change

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Processor applies accepted changes in KOS. An attempt may be interrupted anywhere, and
// two attempts may concern the same change at once: KOS carries out a request id once, and
// a change ends once.
type Processor struct {
	attempts Attempts
	carrier  Carrier
	lines    Lines
	log      *slog.Logger
	now      func() time.Time
}

// ProcessorParams are the dependencies of a Processor.
type ProcessorParams struct {
	Attempts Attempts
	Carrier  Carrier
	Lines    Lines
	Log      *slog.Logger
	Now      func() time.Time
}

// NewProcessor returns a processor with these dependencies.
func NewProcessor(p ProcessorParams) *Processor {
	return &Processor{attempts: p.Attempts, carrier: p.Carrier, lines: p.Lines, log: p.Log, now: p.Now}
}

const (
	// expiry is the age at which a change fails. Product rule.
	expiry = 24 * time.Hour
	// settleTime is how long after an attempt KOS may still accept its order.
	settleTime = 2 * time.Minute
	// invalidateTimeout bounds the invalidation of caches, also after a stop.
	invalidateTimeout = 3 * time.Second
)

// Process makes an attempt to apply a change.
func (p *Processor) Process(ctx context.Context, a Attempt) Verdict {
	c, err := p.attempts.Begin(ctx, a.RequestID)
	switch {
	case errors.Is(err, ErrNoChange), err == nil && c.Status.Final():
		return Verdict{Step: StepNothing}
	case err != nil:
		return Verdict{Step: StepFailed, Err: fmt.Errorf("process change: %w", err)}
	}
	verdict := p.process(ctx, c, a)
	verdict.Change = c
	return verdict
}

func (p *Processor) process(ctx context.Context, c Change, a Attempt) Verdict {
	switch {
	case a.GiveUp, p.now().Sub(c.RequestedAt) > expiry:
		return p.abandon(ctx, c, a, expired(p.now()))
	case a.InDoubt:
		return p.reconcile(ctx, c, a)
	}
	return p.order(ctx, c, a)
}

// reconcile inquires the outcome of an order that is in doubt. If KOS has not decided the
// order, or the inquiry was not admitted, it orders again: KOS carries out a request id
// once.
func (p *Processor) reconcile(ctx context.Context, c Change, a Attempt) Verdict {
	result, found, err := p.carrier.Inquire(ctx, c)
	switch {
	case found:
		return p.finish(ctx, c, p.outcome(result))
	case errors.Is(err, ErrNoAnswer):
		return Verdict{Step: StepUnanswered, Err: err}
	}
	return p.order(ctx, c, a)
}

// order orders the change if the customer still holds the line.
func (p *Processor) order(ctx context.Context, c Change, a Attempt) Verdict {
	if err := p.checkHolder(ctx, c); errors.Is(err, product.ErrLineMoved) {
		return p.abandon(ctx, c, a, lineMoved(p.now()))
	} else if err != nil {
		return Verdict{Step: StepPostponed, Err: fmt.Errorf("check customer of the line: %w", err)}
	}
	result, err := p.carrier.Order(ctx, c)
	if err != nil {
		return unfinished(err)
	}
	return p.finish(ctx, c, p.outcome(result))
}

// unfinished returns the verdict for an order that failed by err.
func unfinished(err error) Verdict {
	notCalled, ok := errors.AsType[*NotCalledError](err)
	switch {
	case !ok:
		return Verdict{Step: StepUnanswered, Err: err}
	case notCalled.Reason == KOSBusy:
		return Verdict{Step: StepThrottled, Err: err}
	}
	return Verdict{Step: StepNotCalled, After: notCalled.After, Err: err}
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

// finish ends a change. It invalidates L2 first: the end wakes clients on all replicas,
// which must not read the old plan from it.
func (p *Processor) finish(ctx context.Context, c Change, outcome Outcome) Verdict {
	if outcome.Status == Completed && !outcome.Scheduled {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), invalidateTimeout)
		defer cancel()
		if err := p.lines.Invalidate(ctx, c.Subscription()); err != nil {
			p.log.WarnContext(ctx, "cached line not invalidated before its event", "error", err)
		}
	}
	return Verdict{Step: StepFinished, Outcome: outcome}
}

// expired returns the outcome of a change that is older than expiry.
func expired(at time.Time) Outcome {
	return Outcome{
		Status: Failed, ResultCode: "EXPIRED", At: at,
		ResultMessage: "통신사 시스템 장애로 24시간 안에 처리하지 못해 취소되었습니다.",
	}
}

// abandon ends a change with end, without an order. If KOS may have received an earlier
// order, abandon first inquires its outcome, and postpones the end until KOS cannot accept
// that order any more.
func (p *Processor) abandon(ctx context.Context, c Change, a Attempt, end Outcome) Verdict {
	if !a.LastAt.IsZero() {
		result, found, err := p.carrier.Inquire(ctx, c)
		if found {
			return p.finish(ctx, c, p.outcome(result))
		}
		if open := settleTime - p.now().Sub(a.LastAt); err != nil || open > 0 {
			return Verdict{Step: StepPostponed, After: max(0, open), Err: errors.Join(errInDoubt, err)}
		}
	}
	return p.finish(ctx, c, end)
}

// errInDoubt is why a change is not abandoned yet.
var errInDoubt = errors.New("change: KOS may still carry out an earlier order")
