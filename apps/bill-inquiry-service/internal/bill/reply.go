package bill

import (
	"errors"
	"strconv"
	"time"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// Reply is the result of a fetch, which several customers may wait for.
type Reply struct {
	Bill       Bill
	CustomerID string // the id of the line's customer; "" if KOS did not name one
	Err        error  // a refusal, or the fault

	answers map[string]answer // by customer
}

// answer is the result of a fetch for one customer.
type answer = readthrough.Answer[Bill]

// GivenUp is the reply of a fetch that KOS left unanswered until its limit.
var GivenUp = Reply{Err: ErrGivenUp}

// Step is the outcome of a fetch for the queue.
type Step int

// The steps.
const (
	StepAnswered   Step = iota
	StepUnanswered      // KOS was called and gave no usable answer
	StepNotCalled       // KOS was not reached, as any call would not be
	StepThrottled       // KOS refused the call for its rate
)

// Step returns the outcome for the queue. A fault for one customer, such as a failed
// cache, does not change it: the answers for the other customers stand.
func (r Reply) Step() Step {
	switch {
	case r.Err == nil, isRefusal(r.Err):
		return StepAnswered
	case errors.Is(r.Err, ErrThrottled):
		return StepThrottled
	case errors.Is(r.Err, ErrNotCalled):
		return StepNotCalled
	}
	return StepUnanswered
}

// For returns the answer for a customer. It returns ErrLineMoved if the line is another
// customer's.
func (r Reply) For(customer string) (Bill, error) {
	if own, ok := r.answers[customer]; ok {
		return own.Value, own.Err
	}
	switch {
	case r.CustomerID != "" && r.CustomerID != customer:
		return Bill{}, ErrLineMoved
	case r.CustomerID == "" && r.Err == nil:
		return Bill{}, ErrGivenUp
	}
	return r.Bill, r.Err
}

// Finish returns the record of an inquiry with its outcome.
func (r Reply) Finish(record Record, now time.Time) Record {
	got, err := r.For(record.Customer)
	return finished(record, got, err, now)
}

// finished returns record with its outcome.
func finished(record Record, got Bill, err error, now time.Time) Record {
	record.ProcessedAt = now
	if err == nil {
		record.Status, record.ResultCode = Completed, "0000"
		record.Summary = string(record.Month) + " 청구 금액 " + won(got.Charges.Total) + "원"
		return record
	}
	refusal := problem.From(err)
	record.Status, record.ResultCode, record.Summary = Failed, refusal.Code, refusal.Message
	return record
}

// won formats an amount with thousands separators.
func won(amount int64) string {
	var memory [32]byte
	digits := strconv.AppendInt(memory[:0], max(amount, -amount), 10)
	text := make([]byte, 0, len(memory))
	if amount < 0 {
		text = append(text, '-')
	}
	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			text = append(text, ',')
		}
		text = append(text, digit)
	}
	return string(text)
}
