package kos_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/auth-service/internal/kos"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/kos/kostest/hostile"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

var endpoint = hostile.Endpoint{
	Name:     "product-inquiry",
	Data:     `{"lineNumber":"01012345678","customerId":"CUST001","customerName":"김철수","lineStatus":"ACTIVE"}`,
	Refusals: []kosclient.ResultCode{"1001", "1002"},
	Unread:   []string{"customerName", "lineStatus"},
	Kinds:    map[string]kosclient.Kind{"lineNumber": kosclient.Mismatch},
	Values: map[string][]string{
		"lineNumber": {`"01087654321"`, `"010-1234-5678"`},
		"customerId": {`"CUST 001"`, `"김철수"`, `"CUST001||x"`, `"CUST/001"`, `"CUST001\r\nx"`, `"` + strings.Repeat("a", 65) + `"`},
	},
}

var personal = []string{line.Digits(), line.Masked(), "CUST001", "김철수", "01087654321"}

func TestWrongAnswersAreFaults(t *testing.T) {
	t.Parallel()
	for _, says := range endpoint.Answers() {
		t.Run(says.Name, func(t *testing.T) {
			t.Parallel()
			k := hostile.New(says)
			id, known, err := kos.New(k, &budget{}).Customer(t.Context(), line)
			reportErr := problem.From(err)
			if reportErr.Code != "KOS_UNAVAILABLE" || reportErr.Kind != problem.Unavailable || reportErr.RetryAfter == 0 || id != "" || known {
				t.Errorf("got %q, %t, %v", id, known, err)
			}
			k.WantFault(t, endpoint, err, personal...)
		})
	}
}

// The result code alone means that a suspended line is taken. The data beside it may name the
// customer, and must not cause an error.
func TestSuspendedLineIsTakenWhateverItsData(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		endpoint.Data: "CUST001", "null": "", "{}": "", `"x"`: "", "[]": "",
		strings.Replace(endpoint.Data, "CUST001", "김철수", 1):             "",
		strings.Replace(endpoint.Data, "01012345678", "01087654321", 1): "",
	} {
		id, known, err := kos.New(hostile.New(endpoint.Refusal("1002", data)), &budget{}).Customer(t.Context(), line)
		if id != want || !known || err != nil {
			t.Errorf("%s: got %q, %t, %v", data, id, known, err)
		}
	}
}

// The customer ids that a registration accepts are those that KOS may answer.
func TestCustomerIDFormatsMatchKOS(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"abc", "_ab", "-ab", "___", "---", "0_-", strings.Repeat("Z", 20), strings.Repeat("_", 20), "A.B", strings.Repeat("a", 64)} {
		says := endpoint
		says.Data = strings.Replace(endpoint.Data, "CUST001", id, 1)
		got, known, err := kos.New(hostile.New(says.Good()), &budget{}).Customer(t.Context(), line)
		if got != id || !known || err != nil {
			t.Errorf("%s: got %q, %t, %v", id, got, known, err)
		}
	}
	wrong := endpoint.Refusal("1001", "{}")
	if _, known, err := kos.New(hostile.New(wrong), &budget{}).Customer(t.Context(), line); known || errors.Is(err, kosclient.ErrUnavailable) {
		t.Errorf("unknown line: %t, %v", known, err)
	}
}
