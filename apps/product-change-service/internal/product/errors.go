package product

import (
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// The errors that clients see.
var (
	ErrNotYourLine    = problem.New(problem.Forbidden, "LINE_NOT_ALLOWED", "본인 회선만 이용할 수 있습니다.")
	ErrUnknownLine    = problem.New(problem.NotFound, "LINE_NOT_FOUND", "통신사에 등록되지 않은 회선입니다.")
	ErrLineMoved      = problem.New(problem.Forbidden, "LINE_MOVED", "다른 고객님의 회선으로 변경되어 이용할 수 없습니다. 고객센터에 문의해 주세요.")
	ErrUnknownProduct = problem.New(problem.NotFound, "PRODUCT_NOT_FOUND", "존재하지 않는 상품입니다.")

	errNoAnswer = problem.New(problem.Unavailable, "KOS_UNAVAILABLE", "통신사 시스템이 응답하지 않습니다. 잠시 후 다시 시도해 주세요.").After(3 * time.Second)
)

// ErrUnavailable is wrapped by every error of a call that KOS did not answer, or that was
// not made. A stale copy may be served instead.
var ErrUnavailable = errors.New("product: carrier unavailable")

// errNoHolder is returned if KOS names no customer of a line.
var errNoHolder = errNoAnswer.WithCause(errors.Join(ErrUnavailable, errors.New("product: line without a customer")))

// ErrNotArchived is returned by an Archive that has no copy.
var ErrNotArchived = errors.New("product: not in the archive")
