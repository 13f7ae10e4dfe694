package billing

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// The generated population: line 0103nnnnnnn belongs to customer POPnnnnnnn, for every seven-digit
// n below the population size. Load tests and seeds rely on it.
const (
	populationLines    = "0103"
	populationCustomer = "POP"
)

// PopulationLine returns the nth generated line, n from 0 to 9,999,999.
func PopulationLine(n int) Line {
	number := msisdn.Number(fmt.Sprintf("%s%07d", populationLines, n))
	d := dice{number.Digits()}
	start := date(d.between(2021, 2024, "year"), time.Month(d.between(1, 12, "month")), d.between(1, 28, "day"))
	return Line{
		Number:   number,
		Customer: Customer{ID: fmt.Sprintf("%s%07d", populationCustomer, n), Name: drawName(d)},
		Status:   Active,
		Contract: drawContract(start, d),
		orders:   []Order{{ProductCode: drawPlan(d, !d.percent(5, "old plan")).Code, EffectiveFrom: start}},
	}
}

// populationIndex returns the index of a generated line.
func populationIndex(number msisdn.Number) (n int, ok bool) {
	digits, ok := strings.CutPrefix(number.Digits(), populationLines)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil
}

// drawPlan prefers the first operator.
func drawPlan(d dice, onSale bool) Plan {
	operator := KT
	if d.percent(25, "operator") {
		operator = LGU
	}
	var choice []Plan
	for _, plan := range catalogue {
		if plan.Operator == operator && plan.OnSale == onSale {
			choice = append(choice, plan)
		}
	}
	return choice[d.upTo(len(choice), "plan")]
}

// testLines are the lines of the demo users.
var testLines = func() map[msisdn.Number]Line {
	lines := make(map[msisdn.Number]Line)
	add := func(number msisdn.Number, customer Customer, status Status, contract Contract, plan string) {
		lines[number] = Line{
			Number: number, Customer: customer, Status: status, Contract: contract,
			orders: []Order{{ProductCode: plan, EffectiveFrom: contract.Start}},
		}
	}
	add("01012345678", Customer{"CUST001", "홍길동"}, Active, Contract{date(2024, 3, 15), 24, selective}, "5G-PREMIUM-001")
	add("01087654321", Customer{"CUST002", "김영희"}, Active, Contract{date(2024, 9, 1), 24, subsidy}, "5G-STANDARD-001")
	add("01055554444", Customer{"CUST003", "이철수"}, Active, Contract{date(2023, 11, 20), 12, selective}, "LTE-PREMIUM-001")
	add("01099998888", Customer{"CUST004", "박민수"}, Active, Contract{Start: date(2022, 5, 10)}, "LTE-BASIC-001")
	add("01000000000", Customer{"CUST005", "최지우"}, Suspended, Contract{date(2023, 1, 5), 24, subsidy}, "LTE-BASIC-001")
	return lines
}()

// ComputedLine returns the line with that number if it is a test line or one of the first population
// generated lines.
func ComputedLine(number msisdn.Number, population int) (Line, bool) {
	if line, ok := testLines[number]; ok {
		return line, true
	}
	if n, ok := populationIndex(number); ok && n < population {
		return PopulationLine(n), true
	}
	return Line{}, false
}
