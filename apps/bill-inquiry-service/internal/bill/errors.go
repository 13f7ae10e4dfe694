package bill

import (
	"errors"
	"slices"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// What an inquiry may be refused with.
var (
	ErrMonthFormat = month("조회월은 YYYY-MM 또는 YYYYMM 형식이어야 합니다.")
	ErrMonthFuture = month("아직 시작되지 않은 달의 요금은 조회할 수 없습니다.")
	ErrMonthTooOld = month("조회할 수 있는 기간이 지났습니다.")

	ErrNotYourLine  = problem.New(problem.Forbidden, "LINE_NOT_ALLOWED", "본인 회선만 이용할 수 있습니다.")
	ErrUnknownLine  = problem.New(problem.NotFound, "LINE_NOT_FOUND", "통신사에 등록되지 않은 회선입니다.")
	ErrSuspended    = problem.New(problem.Conflict, "LINE_SUSPENDED", "정지된 회선의 요금은 조회할 수 없습니다.")
	ErrNoBill       = problem.New(problem.NotFound, "BILL_NOT_FOUND", "해당 월의 청구 내역이 없습니다.")
	ErrLineMoved    = problem.New(problem.Forbidden, "LINE_MOVED", "다른 고객님의 회선으로 변경되어 이용할 수 없습니다. 고객센터에 문의해 주세요.")
	ErrNoInquiry    = problem.New(problem.NotFound, "INQUIRY_NOT_FOUND", "조회 요청을 찾을 수 없습니다.")
	ErrDatabase     = problem.ErrDatabase
	ErrQueueFull    = problem.New(problem.Unavailable, "OVERLOADED", "요청이 많습니다. 잠시 후 다시 시도해 주세요.").After(time.Minute)
	ErrResting      = problem.New(problem.Unavailable, "KOS_UNAVAILABLE", "통신사 시스템이 응답하지 않습니다. 잠시 후 다시 시도해 주세요.").After(10 * time.Second).WithCause(ErrUnavailable)
	ErrGivenUp      = problem.New(problem.Unavailable, "KOS_UNAVAILABLE", "통신사 시스템 장애로 조회하지 못했습니다. 잠시 후 다시 시도해 주세요.").After(10 * time.Second).WithCause(ErrUnavailable)
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

// ErrNotAsked is wrapped, beside ErrUnavailable, by failures that every question
// would meet: KOS was not even asked.
var ErrNotAsked = errors.New("bill: the carrier was not asked")

// ErrUnasked is wrapped, beside KOS's refusal, by answers to questions that
// nobody has asked yet: whoever does may be told something else.
var ErrUnasked = errors.New("bill: asked in the background")

// ErrMustWait is wrapped where KOS's limit does not allow a question now.
var ErrMustWait = errors.New("bill: the carrier's limit is used up")

// isAnswer reports whether err is KOS's answer that there is no bill.
func isAnswer(err error) bool {
	return slices.ContainsFunc(Refusals(), func(refusal *problem.Error) bool { return errors.Is(err, refusal) })
}

// refusalOf returns what an inquiry was refused with that failed with a code.
func refusalOf(code string) error {
	for _, refusal := range Refusals() {
		if refusal.Code == code {
			return refusal
		}
	}
	return ErrGivenUp
}

// ErrNotKept is returned by an Archive that has no such bill.
var ErrNotKept = errors.New("bill: not in the archive")

// Refusals are KOS's answers that there is nothing, or nothing for the customer
// who asks.
func Refusals() []*problem.Error {
	return []*problem.Error{ErrUnknownLine, ErrSuspended, ErrNoBill, ErrLineMoved}
}
