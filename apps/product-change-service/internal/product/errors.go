package product

import (
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// What may be refused here.
var (
	ErrNotYourLine    = problem.New(problem.Forbidden, "LINE_NOT_ALLOWED", "본인 회선만 이용할 수 있습니다.")
	ErrUnknownLine    = problem.New(problem.NotFound, "LINE_NOT_FOUND", "통신사에 등록되지 않은 회선입니다.")
	ErrLineMoved      = problem.New(problem.Forbidden, "LINE_MOVED", "다른 고객님의 회선으로 변경되어 이용할 수 없습니다. 고객센터에 문의해 주세요.")
	ErrUnknownProduct = problem.New(problem.NotFound, "PRODUCT_NOT_FOUND", "존재하지 않는 상품입니다.")

	errTooSlow = problem.New(problem.Unavailable, "KOS_UNAVAILABLE", "통신사 시스템이 응답하지 않습니다. 잠시 후 다시 시도해 주세요.").After(3 * time.Second)
)

// ErrUnavailable is wrapped by every failure to reach KOS: what was asked may
// be answered later, or by something older.
var ErrUnavailable = errors.New("product: the carrier cannot be asked")

// errNoHolder is the answer while KOS does not say whose the line is.
var errNoHolder = errTooSlow.WithCause(errors.Join(ErrUnavailable, errors.New("product: a line without a customer")))

// ErrNotKept is returned by an Archive that has no such thing.
var ErrNotKept = errors.New("product: not in the archive")
