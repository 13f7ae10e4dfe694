package product

import (
	"errors"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// The errors that clients see.
var (
	ErrNotYourLine    = problem.New(problem.Forbidden, "LINE_NOT_ALLOWED", "본인 회선만 이용할 수 있습니다.")
	ErrUnknownLine    = problem.New(problem.NotFound, "LINE_NOT_FOUND", "통신사에 등록되지 않은 회선입니다.")
	ErrLineMoved      = problem.New(problem.Forbidden, "LINE_MOVED", "다른 고객님의 회선으로 변경되어 이용할 수 없습니다. 고객센터에 문의해 주세요.")
	ErrUnknownProduct = problem.New(problem.NotFound, "PRODUCT_NOT_FOUND", "존재하지 않는 상품입니다.")

	// ErrInProgress is returned if KOS has not answered in time. The fetch stays queued.
	ErrInProgress = problem.New(problem.Unavailable, "INQUIRY_IN_PROGRESS", "조회가 지연되고 있습니다. 잠시 후 다시 시도해 주세요.").After(3 * time.Second)
	errQueueFull  = problem.New(problem.Unavailable, "OVERLOADED", "요청이 많습니다. 잠시 후 다시 시도해 주세요.").After(time.Minute)

	errNoAnswer = problem.New(problem.Unavailable, "KOS_UNAVAILABLE", "통신사 시스템이 응답하지 않습니다. 잠시 후 다시 시도해 주세요.").After(3 * time.Second)
)

// ErrUnavailable is wrapped by every error of a call that KOS did not answer, or that was
// not made. A stale copy may be served instead.
var ErrUnavailable = errors.New("product: carrier unavailable")

// ErrNotCalled is wrapped, beside ErrUnavailable, by errors that any call would get without
// reaching KOS, such as that of an open circuit breaker.
var ErrNotCalled = errors.New("product: KOS was not called")

// ErrThrottled is wrapped, beside ErrUnavailable, if KOS refused the call for its rate.
var ErrThrottled = errors.New("product: KOS's rate limit is used up")

// ErrUncacheable is wrapped, beside a refusal of KOS, by answers to background fetches. Such
// a refusal is not cached: the state of the line may change before a client asks.
var ErrUncacheable = errors.New("product: refusal in the background")

// isRefusal reports whether err is a negative answer of KOS: no such line, or none of the
// customer.
func isRefusal(err error) bool { return errors.Is(err, ErrUnknownLine) || errors.Is(err, ErrLineMoved) }

// errNoHolder is returned if KOS names no customer of a line.
var errNoHolder = errNoAnswer.WithCause(errors.Join(ErrUnavailable, errors.New("product: line without a customer")))

// ErrNotArchived is returned by an Archive that has no copy.
var ErrNotArchived = fmt.Errorf("product: not in the archive: %w", readthrough.ErrMiss)
