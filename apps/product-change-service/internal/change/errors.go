package change

import (
	"errors"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// What may be refused here.
var (
	ErrInProgress = problem.New(problem.Conflict, "CHANGE_IN_PROGRESS", "이미 처리 중인 상품 변경이 있습니다.")
	ErrKeyReused  = problem.New(problem.Unprocessable, "IDEMPOTENCY_KEY_REUSED", "같은 Idempotency-Key로 다른 요청이 이미 접수되었습니다.")
	ErrNoChange   = problem.New(problem.NotFound, "CHANGE_NOT_FOUND", "상품 변경 요청을 찾을 수 없습니다.")
	ErrSuspended  = problem.New(problem.Conflict, "LINE_SUSPENDED", "정지된 회선은 상품을 변경할 수 없습니다.")
	ErrDatabase   = problem.ErrDatabase
	ErrInvalid    = problem.New(problem.Conflict, "VALIDATION_FAILED", "상품을 변경할 수 없습니다.")

	ErrPastDay   = day("변경 적용일은 오늘보다 빠를 수 없습니다.")
	ErrDayTooFar = day(fmt.Sprintf("변경 적용일은 오늘부터 %d일 이내여야 합니다.", maxDaysAhead))
)

// day returns a refusal of the field changeEffectiveDate.
func day(message string) *problem.Error {
	return problem.New(problem.Invalid, "INVALID_EFFECTIVE_DATE", message).
		WithFields(map[string]string{"changeEffectiveDate": message})
}

// ErrKeyTaken is returned by a Book in which the key has come up meanwhile.
var ErrKeyTaken = errors.New("change: idempotency key taken meanwhile")

// ErrNoAnswer is wrapped by the error of a Carrier that was asked and did not
// answer, or not as agreed: what it was asked may have been done.
var ErrNoAnswer = errors.New("change: the carrier did not answer")

// NotAskedError is returned by a Carrier that has not been asked, for a reason
// that concerns every change alike.
type NotAskedError struct {
	Reason Reason
	After  time.Duration // when to try again; 0 if that is not known
	Cause  error
}

// Error tells the reason and the cause.
func (e *NotAskedError) Error() string {
	return fmt.Sprintf("change: the carrier was not asked: %s: %v", e.Reason, e.Cause)
}

// Unwrap returns the cause.
func (e *NotAskedError) Unwrap() error { return e.Cause }
