package change

import (
	"errors"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// The errors that clients see.
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

// day returns an error for the field changeEffectiveDate.
func day(message string) *problem.Error {
	return problem.New(problem.Invalid, "INVALID_EFFECTIVE_DATE", message).
		WithFields(map[string]string{"changeEffectiveDate": message})
}

// ErrKeyTaken is returned by Acceptance.Accept if another request has used the key since.
var ErrKeyTaken = errors.New("change: idempotency key taken meanwhile")

// ErrNoAnswer is wrapped by the error of a Carrier whose call got no answer, or one that
// violates the agreed format: KOS may have carried out the order.
var ErrNoAnswer = errors.New("change: the carrier did not answer")

// NotCalledError is returned by a Carrier that did not call KOS, or was refused for its
// rate. The reason holds for all changes alike.
type NotCalledError struct {
	Reason Reason
	After  time.Duration // when to retry; 0 if that is not known
	Cause  error
}

// Error returns the reason and the cause.
func (e *NotCalledError) Error() string {
	return fmt.Sprintf("change: carrier not called: %s: %v", e.Reason, e.Cause)
}

// Unwrap returns the cause.
func (e *NotCalledError) Unwrap() error { return e.Cause }
