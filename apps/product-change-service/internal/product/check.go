package product

// CheckType is one condition of a change.
type CheckType string

// The conditions, in the order of the response.
const (
	Available    CheckType = "PRODUCT_AVAILABLE"
	Operator     CheckType = "OPERATOR_MATCH"
	LineStatus   CheckType = "LINE_STATUS"
	CurrentMatch CheckType = "CURRENT_PRODUCT_MATCH"
)

// Check is a condition and whether it is met.
type Check struct {
	Type    CheckType
	Passed  bool
	Message string // Korean, for people
}

// Inspection is the result of the pre-check of a change.
type Inspection struct {
	Subscriber Subscriber
	Target     Product // zero if the catalogue has no such plan
	Checks     []Check
}

// Inspect checks whether subscriber may change from the plan with code current to the one
// with code target.
func Inspect(subscriber Subscriber, catalogue Catalogue, current, target string) Inspection {
	wanted, known := catalogue.Find(target)
	return Inspection{
		Subscriber: subscriber,
		Target:     wanted,
		Checks: []Check{
			available(subscriber, wanted, known),
			operator(subscriber, wanted, known),
			check(LineStatus, subscriber.LineStatus == Active,
				"사용 중인 회선입니다.", "사용 중인 회선이 아닙니다."),
			check(CurrentMatch, subscriber.Product.Code == current,
				"현재 상품이 일치합니다.", "현재 이용 중인 상품과 일치하지 않습니다."),
		},
	}
}

func available(subscriber Subscriber, wanted Product, known bool) Check {
	switch {
	case !known:
		return check(Available, false, "", "존재하지 않는 상품입니다.")
	case wanted.Code == subscriber.Product.Code:
		return check(Available, false, "", "이미 이용 중인 상품입니다.")
	}
	return check(Available, wanted.OnSale, "변경할 수 있는 상품입니다.", "판매가 종료된 상품입니다.")
}

func operator(subscriber Subscriber, wanted Product, known bool) Check {
	return check(Operator, known && wanted.Operator == subscriber.Product.Operator,
		"통신사가 일치합니다.", "다른 통신사의 상품으로는 변경할 수 없습니다.")
}

func check(typ CheckType, passed bool, yes, no string) Check {
	if passed {
		return Check{typ, true, yes}
	}
	return Check{typ, false, no}
}

// Passed reports whether all conditions are met.
func (i Inspection) Passed() bool { return i.FailureReason() == "" }

// FailureReason returns the message of the first condition that is not met, or "" if all
// are met.
func (i Inspection) FailureReason() string {
	for _, c := range i.Checks {
		if !c.Passed {
			return c.Message
		}
	}
	return ""
}

// Failed reports whether the condition typ is not met.
func (i Inspection) Failed(typ CheckType) bool {
	for _, c := range i.Checks {
		if c.Type == typ {
			return !c.Passed
		}
	}
	return false
}
