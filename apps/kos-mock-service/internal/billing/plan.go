package billing

import "strconv"

// Operator is the operator whose network a plan uses.
type Operator string

// The operators whose plans KOS sells.
const (
	KT  Operator = "KT"
	LGU Operator = "LGU"
)

// Allowance is the included amount of data, voice or messages; it may be unlimited.
type Allowance struct {
	limit int // 0: unlimited
	text  string
}

// String returns the allowance for display, such as "100GB" or "무제한".
func (a Allowance) String() string { return a.text }

var (
	unlimited = Allowance{text: "무제한"}
	included  = Allowance{text: "기본 제공"}
)

const mbPerGB = 1024

func gigabytes(n int) Allowance { return Allowance{n * mbPerGB, strconv.Itoa(n) + "GB"} }
func minutes(n int) Allowance   { return Allowance{n, strconv.Itoa(n) + "분"} }
func messages(n int) Allowance  { return Allowance{n, strconv.Itoa(n) + "건"} }

// excess returns the part of used beyond the allowance.
func (a Allowance) excess(used int) int {
	if a.limit == 0 || used < a.limit {
		return 0
	}
	return used - a.limit
}

// Plan is a tariff.
type Plan struct {
	Code        string
	Name        string
	Description string
	Operator    Operator
	MonthlyFee  Won
	Data        Allowance // in MB
	Voice       Allowance // in minutes
	SMS         Allowance // in messages
	// OnSale is false for a plan that new customers cannot get.
	OnSale bool
}

var catalogue = []Plan{
	{"5G-PREMIUM-001", "5G 프리미엄", "데이터·음성·문자를 제한 없이 쓰는 5G 요금제", KT, 89_000, unlimited, unlimited, unlimited, true},
	{"5G-STANDARD-001", "5G 스탠다드", "넉넉한 100GB를 제공하는 5G 요금제", KT, 69_000, gigabytes(100), unlimited, unlimited, true},
	{"LTE-PREMIUM-001", "LTE 프리미엄", "50GB와 무제한 통화를 제공하는 LTE 요금제", KT, 59_000, gigabytes(50), unlimited, unlimited, true},
	{"LTE-BASIC-001", "LTE 베이직", "20GB와 무제한 통화를 제공하는 실속형 LTE 요금제", KT, 39_000, gigabytes(20), unlimited, included, true},
	{"3G-OLD-001", "3G 올드", "신규 가입이 중단된 3G 요금제", KT, 29_000, gigabytes(5), minutes(500), messages(100), false},
	{"LGU-5G-PREMIER-001", "LGU 5G 프리미어", "데이터·음성·문자를 제한 없이 쓰는 5G 요금제", LGU, 85_000, unlimited, unlimited, unlimited, true},
	{"LGU-5G-LITE-001", "LGU 5G 라이트", "30GB를 제공하는 가벼운 5G 요금제", LGU, 55_000, gigabytes(30), unlimited, unlimited, true},
	{"LGU-LTE-DATA-001", "LGU LTE 데이터", "15GB와 무제한 통화를 제공하는 LTE 요금제", LGU, 33_000, gigabytes(15), unlimited, included, true},
	{"LGU-LTE-OLD-001", "LGU LTE 올드", "신규 가입이 중단된 LTE 요금제", LGU, 27_500, gigabytes(3), minutes(300), messages(100), false},
}

// Plans returns all plans, including those no longer on sale.
func Plans() []Plan { return append([]Plan(nil), catalogue...) }

// PlanByCode returns the plan with that code, if there is one.
func PlanByCode(code string) (Plan, bool) {
	for _, plan := range catalogue {
		if plan.Code == code {
			return plan, true
		}
	}
	return Plan{}, false
}
