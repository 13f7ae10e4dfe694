package abuse

import (
	"fmt"
	"net/http"
	"slices"
)

// Answer is an answer to a call.
type Answer struct {
	Status int
	// Body is the body without the parts that differ between answers, such as the trace id.
	Body string
}

// Verdict is the set of accepted answers.
type Verdict struct {
	what string
	ok   func(status int) bool
}

func oneOf(what string, statuses ...int) Verdict {
	return Verdict{what, func(status int) bool { return slices.Contains(statuses, status) }}
}

var (
	// unknown is the answer to an undeclared parameter, which precedes authentication.
	unknown         = oneOf("400", http.StatusBadRequest)
	unauthenticated = oneOf("401", http.StatusUnauthorized)
	forbidden       = oneOf("403", http.StatusForbidden)
	notThere        = oneOf("404", http.StatusNotFound)
	refusedInside   = oneOf("401 or 403", http.StatusUnauthorized, http.StatusForbidden)
	refused         = Verdict{"a refusal", func(status int) bool { return status/100 == 4 }}
	// reached is the answer of an operation that processed the request. A validation error is
	// accepted from public operations only.
	reached = Verdict{"no refusal", func(status int) bool {
		denied := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed}
		return status/100 != 5 && !slices.Contains(denied, status)
	}}
)

// Do makes a call.
type Do func(call Call) (Answer, error)

// Check makes the calls of a case and returns a description of a wrong answer, or "".
func (c Case) Check(do Do) string {
	answer, err := do(c.Call)
	if err != nil {
		return c.fault("no answer: " + err.Error())
	}
	if !c.Want.ok(answer.Status) {
		return c.fault(fmt.Sprintf("answered %d, want %s: %.300s", answer.Status, c.Want.what, answer.Body))
	}
	if c.Twin == nil {
		return ""
	}
	twin, err := do(*c.Twin)
	if err != nil {
		return c.fault("no answer for an object that does not exist: " + err.Error())
	}
	if twin != answer {
		return c.fault(fmt.Sprintf("reveals existence: %d %.300s, and for an object that does not exist %d %.300s", answer.Status, answer.Body, twin.Status, twin.Body))
	}
	return ""
}

func (c Case) fault(what string) string {
	return fmt.Sprintf("%s: %s: %s: %s", c.Call.Service, c.Operation.Name(), c.Attack, what)
}
