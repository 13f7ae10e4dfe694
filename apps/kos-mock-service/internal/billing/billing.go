// Package billing models what KOS knows: plans, lines, orders that change a line's plan, and bills.
//
// Bills are neither stored nor random. A bill is a pure function of the line, the month and the
// current day, so that all replicas give the same answer at any time and a population of any size
// takes no storage.
package billing

import "strconv"

// Won is an amount of money in whole Korean won.
type Won int64

// share returns percent per cent of w, rounded down to ten won as operators do.
func (w Won) share(percent Won) Won { return (w * percent / 100).rounded() }

// rounded rounds down to ten won.
func (w Won) rounded() Won { return w - w%10 }

// Refusal is a business answer of KOS other than done.
type Refusal struct {
	Code    string // KOS's result code
	Message string // Korean, for display
}

// Error returns the code.
func (r *Refusal) Error() string { return "KOS " + r.Code }

// Refusals of inquiries.
var (
	ErrUnknownLine = &Refusal{"1001", "등록되지 않은 회선입니다."}
	ErrNotActive   = &Refusal{"1002", "사용 중인 회선이 아닙니다."}
	ErrNoBill      = &Refusal{"1003", "해당 월의 청구 내역이 없습니다."}
)

// Refusals of plan changes.
var (
	ErrChangeUnknownLine = &Refusal{"2001", "등록되지 않은 회선입니다."}
	ErrChangeNotActive   = &Refusal{"2002", "사용 중인 회선이 아닙니다."}
	ErrUnknownProduct    = &Refusal{"2003", "존재하지 않는 상품입니다."}
	ErrNotOnSale         = &Refusal{"2004", "판매가 종료된 상품입니다."}
	ErrOtherOperator     = &Refusal{"2005", "다른 통신사의 상품으로는 변경할 수 없습니다."}
	ErrOtherCurrent      = &Refusal{"2006", "현재 이용 중인 상품과 일치하지 않습니다."}
	ErrSameProduct       = &Refusal{"2099", "이미 이용 중인 상품입니다."}
	ErrChangeIsComing    = &Refusal{"2099", "이미 예약된 상품 변경이 있습니다."}
)

// dice is a deterministic random source: its numbers depend only on the seed and the name of the
// draw.
type dice struct{ seed string }

// upTo returns a number in [0, n).
func (d dice) upTo(n int, name string) int {
	// FNV-1a with the finalizer of SplitMix64, because FNV alone gives similar results for similar
	// names. Implemented here because the results must never change with a library.
	hash := uint64(14695981039346656037)
	for _, text := range [...]string{d.seed, "/", name} {
		for i := range len(text) {
			hash = (hash ^ uint64(text[i])) * 1099511628211
		}
	}
	hash = (hash ^ hash>>30) * 0xbf58476d1ce4e5b9
	hash = (hash ^ hash>>27) * 0x94d049bb133111eb
	return int((hash ^ hash>>31) % uint64(n)) //nolint:gosec // n is positive and limits the result
}

// between returns a number in [low, high].
func (d dice) between(low, high int, name string) int { return low + d.upTo(high-low+1, name) }

// percent returns true for share per cent of all seeds.
func (d dice) percent(share int, name string) bool { return d.upTo(100, name) < share }

// within returns a source for a part, such as one month of a line.
func (d dice) within(name string) dice { return dice{d.seed + "/" + name} }

// day returns the number for one day of a month, in [low, high].
func (d dice) day(day, low, high int) int { return d.between(low, high, strconv.Itoa(day)) }
