package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/kos/queue"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

const beginChange = `
UPDATE change_request c
SET status = 'PROCESSING', wait_reason = '', attempts = attempts + 1
WHERE request_id = $1 AND requested_at BETWEEN $2 AND $3 AND status IN ('PENDING', 'PROCESSING')
RETURNING ` + columns

// Begin implements change.Attempts. It returns change.ErrNoChange for a final change too.
func (s *Changes) Begin(ctx context.Context, requestID string) (change.Change, error) {
	return s.one(ctx, beginChange, requestID)
}

// one returns the change that a statement returns, or change.ErrNoChange. The arguments of
// the statement are a request id and the span of time that the id, of version 7, stands
// for.
func (s *Changes) one(ctx context.Context, sql, requestID string) (change.Change, error) {
	id, from, until, ok := pg.PartitionRange(requestID)
	if !ok {
		return change.Change{}, change.ErrNoChange
	}
	rows, err := s.pool.Query(ctx, sql, id, from, until)
	if err != nil {
		return change.Change{}, fmt.Errorf("find change: %w", err)
	}
	found, err := pgx.CollectRows(rows, scanChange)
	if err != nil {
		return change.Change{}, fmt.Errorf("find change: %w", err)
	}
	if len(found) == 0 {
		return change.Change{}, change.ErrNoChange
	}
	return found[0], nil
}

// Process makes an attempt. See change.Processor.
type Process func(ctx context.Context, a change.Attempt) change.Verdict

// Handler returns the handler of queued changes. It counts changes that become final with
// meter.
func (s *Changes) Handler(process Process, meter change.Meter) queue.Handler {
	return func(ctx context.Context, item queue.Item) queue.Outcome {
		var queued payload
		if err := json.Unmarshal(item.Payload, &queued); err != nil {
			return queue.Failed(fmt.Errorf("read queued change: %w", err))
		}
		v := process(ctx, change.Attempt{RequestID: queued.RequestID, InDoubt: item.InDoubt, LastAt: item.AttemptedAt, GiveUp: item.GiveUp})
		switch v.Step {
		case change.StepFinished:
			return s.finish(v, meter)
		case change.StepNothing:
			return queue.GivenUp(nil)
		case change.StepUnanswered:
			return queue.Unanswered(v.Err)
		case change.StepNotCalled:
			return queue.NotCalled(v.Err, v.After)
		case change.StepThrottled:
			return queue.Throttled(v.Err)
		case change.StepPostponed:
			return queue.Postponed(v.Err, v.After)
		case change.StepFailed:
		}
		return queue.Failed(v.Err)
	}
}

func (s *Changes) finish(v change.Verdict, meter change.Meter) queue.Outcome {
	ended := false
	write := func(ctx context.Context, tx pgx.Tx) (err error) {
		ended, err = s.End(ctx, tx, v.Change, v.Outcome)
		return err
	}
	return queue.Answered(write).Then(func() {
		if ended {
			meter.Finished(v.Outcome.Status, v.Outcome.ResultCode, v.Outcome.At.Sub(v.Change.RequestedAt))
		}
	})
}

const endChange = `
UPDATE change_request
SET status = $3, wait_reason = '', result_code = $4, result_message = $5, processed_at = $6
WHERE request_id = $1 AND requested_at = $2 AND status IN ('PENDING', 'PROCESSING')`

// End makes a change final in a transaction. With a completed change it also invalidates
// the line, if the plan changes now, and enqueues the event. It returns false if the change
// was final already.
func (s *Changes) End(ctx context.Context, tx pgx.Tx, c change.Change, o change.Outcome) (bool, error) {
	tag, err := tx.Exec(ctx, endChange, c.RequestID, c.RequestedAt, string(o.Status), o.ResultCode, o.ResultMessage, o.At)
	if err != nil || tag.RowsAffected() == 0 {
		return false, err
	}
	if o.Status == change.Completed && !o.Scheduled {
		if _, err := tx.Exec(ctx, invalidateLine, c.Line.Digits(), 1); err != nil {
			return false, err
		}
	}
	if o.ResultCode == product.ErrLineMoved.Code {
		return true, audit.Insert(ctx, tx, refusal(c, o))
	}
	if o.Status != change.Completed {
		return true, nil
	}
	return true, s.outbox.Announce(ctx, tx, c.RequestID, announcedAt(c, o))
}

// refusal returns the audit record of a change whose line was given to another customer.
func refusal(c change.Change, o change.Outcome) audit.Event {
	return audit.Event{
		At: o.At, Actor: c.UserID, Action: "process change " + c.RequestID, Target: c.Line.Masked(),
		Detail: o.ResultCode, Outcome: audit.Denied,
	}
}

// announcedAt returns when the new plan is in force.
func announcedAt(c change.Change, o change.Outcome) time.Time {
	if o.Scheduled {
		return c.Effective.Start()
	}
	return o.At
}
