package bill

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// Errors of the use cases, as clients see them.
var (
	ErrMonthFormat = month("조회월은 YYYY-MM 또는 YYYYMM 형식이어야 합니다.")
	ErrMonthFuture = month("아직 시작되지 않은 달의 요금은 조회할 수 없습니다.")
	ErrMonthTooOld = month("조회할 수 있는 기간이 지났습니다.")

	ErrLineNotAllowed = problem.New(problem.Forbidden, "LINE_NOT_ALLOWED", "본인 회선만 이용할 수 있습니다.")
	ErrUnknownLine    = problem.New(problem.NotFound, "LINE_NOT_FOUND", "통신사에 등록되지 않은 회선입니다.")
	ErrSuspended      = problem.New(problem.Conflict, "LINE_SUSPENDED", "정지된 회선의 요금은 조회할 수 없습니다.")
	ErrNoBill         = problem.New(problem.NotFound, "BILL_NOT_FOUND", "해당 월의 청구 내역이 없습니다.")
	ErrLineMoved      = problem.New(problem.Forbidden, "LINE_MOVED", "다른 고객님의 회선으로 변경되어 이용할 수 없습니다. 고객센터에 문의해 주세요.")
	ErrNoInquiry      = problem.New(problem.NotFound, "INQUIRY_NOT_FOUND", "조회 요청을 찾을 수 없습니다.")
	ErrDatabase       = problem.ErrDatabase
	ErrQueueFull      = problem.New(problem.Unavailable, "OVERLOADED", "요청이 많습니다. 잠시 후 다시 시도해 주세요.").After(time.Minute).WithCause(readthrough.ErrFull)
	ErrOutage         = problem.New(problem.Unavailable, "KOS_UNAVAILABLE", "통신사 시스템이 응답하지 않습니다. 잠시 후 다시 시도해 주세요.").After(10 * time.Second).WithCause(ErrUnavailable)
	ErrGivenUp        = problem.New(problem.Unavailable, "KOS_UNAVAILABLE", "통신사 시스템 장애로 조회하지 못했습니다. 잠시 후 다시 시도해 주세요.").After(10 * time.Second).WithCause(ErrUnavailable)
	ErrInProgress     = problem.New(problem.Unavailable, "INQUIRY_IN_PROGRESS", "조회가 지연되고 있습니다. 잠시 후 다시 시도해 주세요.").After(3 * time.Second)
)

// month returns a validation error of the field inquiryMonth.
func month(message string) *problem.Error {
	return problem.New(problem.Invalid, "INVALID_MONTH", message).
		WithFields(map[string]string{"inquiryMonth": message})
}

// ErrUnavailable is wrapped by every error for which KOS gave no usable answer. A
// stale copy may be served instead, or the call repeated later.
var ErrUnavailable = errors.New("bill: KOS gave no answer")

// ErrNotCalled is wrapped, beside ErrUnavailable, by errors that any call would get
// without reaching KOS, such as that of an open circuit breaker.
var ErrNotCalled = errors.New("bill: KOS was not called")

// ErrUncacheable is wrapped, beside a refusal of KOS, by answers to background
// fetches. Such a refusal is not cached: the state of the line may change before a
// client asks.
var ErrUncacheable = errors.New("bill: refusal in the background")

// ErrThrottled is wrapped, beside ErrUnavailable, if KOS refused the call for its
// rate.
var ErrThrottled = errors.New("bill: KOS's rate limit is used up")

// isRefusal reports whether err is a refusal of KOS.
func isRefusal(err error) bool {
	return slices.ContainsFunc(Refusals(), func(refusal *problem.Error) bool { return errors.Is(err, refusal) })
}

// refusalOf returns the error of an inquiry that failed with a result code.
func refusalOf(code string) error {
	for _, refusal := range Refusals() {
		if refusal.Code == code {
			return refusal
		}
	}
	return ErrGivenUp
}

// ErrNotArchived is returned by an Archive that does not have a bill.
var ErrNotArchived = fmt.Errorf("bill: not in the archive: %w", readthrough.ErrMiss)

// Refusals returns the negative answers of KOS: no such line or bill, or none for the
// customer of the inquiry.
func Refusals() []*problem.Error {
	return []*problem.Error{ErrUnknownLine, ErrSuspended, ErrNoBill, ErrLineMoved}
}
