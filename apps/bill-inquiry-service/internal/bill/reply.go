package bill

import (
	"errors"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// Reply is KOS's answer to a question that several customers may have asked.
type Reply struct {
	Bill   Bill
	Holder string // the id of the line's customer; "" if KOS did not say
	Err    error  // a refusal, or why there is no answer

	answers map[string]answer // by customer
}

// answer is what one customer is answered.
type answer struct {
	bill Bill
	err  error
}

// GivenUp is the reply to a question that KOS has left unanswered for too long.
var GivenUp = Reply{Err: ErrGivenUp}

// Step is what a fetch has led to.
type Step int

// The steps.
const (
	StepAnswered   Step = iota
	StepUnanswered      // KOS was called
	StepNotCalled       // every call would fail alike
	StepThrottled       // KOS has refused the call for its rate
)

// Step returns what the fetch has led to. A fault for one customer, such as a cache
// that fails, leaves the others' answers.
func (r Reply) Step() Step {
	switch {
	case r.Err == nil, isAnswer(r.Err):
		return StepAnswered
	case errors.Is(r.Err, ErrMustWait):
		return StepThrottled
	case errors.Is(r.Err, ErrNotAsked):
		return StepNotCalled
	}
	return StepUnanswered
}

// For returns what a customer is answered: ErrLineMoved if the line is another
// customer's.
func (r Reply) For(customer string) (Bill, error) {
	if own, ok := r.answers[customer]; ok {
		return own.bill, own.err
	}
	switch {
	case r.Holder != "" && r.Holder != customer:
		return Bill{}, ErrLineMoved
	case r.Holder == "" && r.Err == nil:
		return Bill{}, ErrGivenUp
	}
	return r.Bill, r.Err
}

// Settle returns the record of an inquiry with the outcome that the reply is for its
// customer. A record of the release before names none: it ends without an amount,
// which may not be its customer's.
func (r Reply) Settle(record Record, now time.Time) Record {
	if record.Customer == "" && (r.Err == nil || errors.Is(r.Err, ErrLineMoved)) {
		record.ProcessedAt, record.Status, record.ResultCode = now, Completed, "0000"
		record.Summary = fmt.Sprintf("%s 요금 조회 완료", record.Month)
		return record
	}
	got, err := r.For(record.Customer)
	return settled(record, got, err, now)
}

// settled returns record with its outcome.
func settled(record Record, got Bill, err error, now time.Time) Record {
	record.ProcessedAt = now
	if err == nil {
		record.Status, record.ResultCode = Completed, "0000"
		record.Summary = fmt.Sprintf("%s 청구 금액 %s원", record.Month, won(got.Charges.Total))
		return record
	}
	refusal := problem.From(err)
	record.Status, record.ResultCode, record.Summary = Failed, refusal.Code, refusal.Message
	return record
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
