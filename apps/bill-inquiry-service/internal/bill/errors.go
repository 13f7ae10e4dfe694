package bill

import (
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// What an inquiry may be refused with.
var (
	ErrMonthFormat = month("조회월은 YYYY-MM 또는 YYYYMM 형식이어야 합니다.")
	ErrMonthFuture = month("미래의 요금은 조회할 수 없습니다.")
	ErrMonthTooOld = month("조회할 수 있는 기간이 지난 달입니다.")

	ErrNotYourLine  = problem.New(problem.Forbidden, "LINE_NOT_ALLOWED", "본인 회선만 조회할 수 있습니다.")
	ErrUnknownLine  = problem.New(problem.NotFound, "LINE_NOT_FOUND", "통신사에 등록되지 않은 회선입니다.")
	ErrSuspended    = problem.New(problem.Conflict, "LINE_SUSPENDED", "정지된 회선은 요금을 조회할 수 없습니다.")
	ErrNoBill       = problem.New(problem.NotFound, "BILL_NOT_FOUND", "해당 월의 청구 내역이 없습니다.")
	ErrNoInquiry    = problem.New(problem.NotFound, "INQUIRY_NOT_FOUND", "조회 요청을 찾을 수 없습니다.")
	ErrDatabase     = problem.New(problem.Unavailable, "DATABASE_UNAVAILABLE", "일시적으로 이력을 조회할 수 없습니다. 잠시 후 다시 시도해 주세요.").After(2 * time.Second)
	ErrStillRunning = problem.New(problem.Unavailable, "INQUIRY_IN_PROGRESS", "조회가 지연되고 있습니다. 잠시 후 다시 시도해 주세요.").After(3 * time.Second)
)

// month returns a refusal of the field inquiryMonth.
func month(message string) *problem.Error {
	return problem.New(problem.Invalid, "INVALID_MONTH", message).
		WithFields(map[string]string{"inquiryMonth": message})
}

// ErrUnavailable is wrapped by every failure to reach KOS: what was asked may
// be answered later, or by something older.
var ErrUnavailable = errors.New("bill: the carrier cannot be asked")

// ErrNotKept is returned by an Archive that has no such bill.
var ErrNotKept = errors.New("bill: not in the archive")
