// Package billing is what KOS knows about: plans, lines, the orders that put a
// plan in force on a line, and the bills that follow from them.
//
// Nothing here is stored or drawn at random. A bill is a pure function of the
// line, the month and the day on which it is asked for, so that every replica
// gives the same answer at any time, and a population of any size costs
// nothing.
package billing

import "strconv"

// Won is an amount of money in whole Korean won.
type Won int64

// share returns percent per cent of w, rounded down to ten won as carriers do.
func (w Won) share(percent Won) Won { return (w * percent / 100).rounded() }

// rounded drops the last digit.
func (w Won) rounded() Won { return w - w%10 }

// Refusal is KOS's way to say no: an answer, not a fault.
type Refusal struct {
	Code    string // KOS's result code
	Message string // Korean, for people
}

// Error returns the code.
func (r *Refusal) Error() string { return "KOS " + r.Code }

// What KOS refuses, as documented for its callers.
var (
	ErrUnknownLine = &Refusal{"1001", "등록되지 않은 회선입니다."}
	ErrNotActive   = &Refusal{"1002", "사용 중인 회선이 아닙니다."}
	ErrNoBill      = &Refusal{"1003", "해당 월의 청구 내역이 없습니다."}
)

// What KOS refuses when it is ordered to change a plan.
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

// dice draws numbers that depend on nothing but a seed and the name of the
// draw.
type dice struct{ seed string }

// upTo returns a number from 0 to n-1.
func (d dice) upTo(n int, name string) int {
	// FNV-1a, then the finalizer of SplitMix64: FNV alone leaves the names of
	// neighbouring lines with neighbouring results. Written out because the
	// result must never change, whatever a library does.
	hash := uint64(14695981039346656037)
	for _, text := range [...]string{d.seed, "/", name} {
		for i := range len(text) {
			hash = (hash ^ uint64(text[i])) * 1099511628211
		}
	}
	hash = (hash ^ hash>>30) * 0xbf58476d1ce4e5b9
	hash = (hash ^ hash>>27) * 0x94d049bb133111eb
	return int((hash ^ hash>>31) % uint64(n)) //nolint:gosec // n is positive, the rest below it
}

// between returns a number from low to high, both possible.
func (d dice) between(low, high int, name string) int { return low + d.upTo(high-low+1, name) }

// percent reports true for share per cent of all seeds.
func (d dice) percent(share int, name string) bool { return d.upTo(100, name) < share }

// within returns the dice for something smaller, such as a line's month.
func (d dice) within(name string) dice { return dice{d.seed + "/" + name} }

// day returns the dice's draw for one day of a month.
func (d dice) day(day, low, high int) int { return d.between(low, high, strconv.Itoa(day)) }
