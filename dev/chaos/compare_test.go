package chaos

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/kos"
)

const (
	old  = "LTE-BASIC-001"
	new1 = "5G-PREMIUM-001"
)

// healthy is a consistent run: one change was completed, one failed, and one was never accepted.
func healthy() Records {
	observed := func(key, line string, answers ...Answer) Observed {
		return Observed{User: "user-" + line, Key: key, Line: line, Current: old, Target: new1, Answers: answers}
	}
	row := func(id, key, line, status, code string) Row {
		return Row{RequestID: id, User: "user-" + line, Key: key, Line: line, Current: old, Target: new1, Status: status, Code: code}
	}
	order := func(id, line, code, status string) kos.Order {
		return kos.Order{RequestID: id, Line: line, Current: old, Target: new1, ResultCode: code, Status: status}
	}
	refused := observed("key-3", "line-3")
	refused.Refusal = "VALIDATION_FAILED"
	return Records{
		Observed: []Observed{
			observed("key-1", "line-1", Answer{"id-1", "PENDING", ""}, Answer{"id-1", api.Completed, kos.OK}),
			observed("key-2", "line-2", Answer{"id-2", api.Failed, "2099"}),
			refused,
		},
		Rows: []Row{
			row("id-1", "key-1", "line-1", api.Completed, kos.OK),
			row("id-2", "key-2", "line-2", api.Failed, "2099"),
		},
		Orders: []kos.Order{order("id-1", "line-1", kos.OK, "APPLIED"), order("id-2", "line-2", "2099", "REFUSED")},
		Shown:  map[string]string{"line-1": new1, "line-2": old, "line-3": old},
	}
}

func TestHealthyReportHasNoFaults(t *testing.T) {
	t.Parallel()
	if found := Compare(healthy()); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	silent := healthy()
	silent.Observed[0].Answers = nil // the customer got no answer, but the change was accepted
	if found := Compare(silent); len(found) > 0 {
		t.Errorf("without an answer: %v", found)
	}
}

func TestEachFaultIsFound(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spoil func(*Records)
		kind  Kind
		what  string
	}{
		"no row": {
			func(t *Records) { t.Rows, t.Orders = t.Rows[1:], t.Orders[1:] },
			Lost, "request id-1 was accepted under key key-1 and does not exist",
		},
		"forgotten by the service": {
			func(t *Records) { t.Observed[0].Answers[1].Status = Unknown },
			Lost, "request id-1 was accepted",
		},
		"not final": {
			func(t *Records) { t.Rows[0].Status, t.Observed[0].Answers = "PROCESSING", nil },
			Lost, "request id-1 is still PROCESSING",
		},
		"blocks its line": {
			func(t *Records) { t.Rows[1].Holds = true },
			Lost, "request id-2 is FAILED and still blocks its line",
		},
		"carried out twice": {
			func(t *Records) { t.Orders = append(t.Orders, t.Orders[0]) },
			Doubled, "KOS has carried out request id-1 2 times",
		},
		"two rows for a key": {
			func(t *Records) {
				twin, order := t.Rows[0], t.Orders[0]
				twin.RequestID, order.RequestID = "id-9", "id-9"
				t.Rows, t.Orders = append(t.Rows, twin), append(t.Orders, order)
			},
			Doubled, "key key-1 has 2 rows",
		},
		"two requests for a key": {
			func(t *Records) {
				t.Observed[0].Answers = append(t.Observed[0].Answers, t.Observed[1].Answers[0])
			},
			Doubled, "key key-1 was answered with 2 requests",
		},
		"two rows of a request": {
			func(t *Records) { t.Rows = append(t.Rows, t.Rows[0]) },
			Doubled, "request id-1 has two rows",
		},
		"unrequested row": {
			func(t *Records) { t.Observed = t.Observed[1:] },
			Doubled, `1 unrequested rows of user-line-1, key "key-1"`,
		},
		"completed, but not at KOS": {
			func(t *Records) { t.Orders = t.Orders[1:] },
			Disagreeing, "request id-1 is completed, but KOS has not carried it out",
		},
		"failed, but carried out": {
			func(t *Records) { t.Orders[1].ResultCode = kos.OK },
			Disagreeing, "request id-2 has failed, but KOS has carried it out",
		},
		"failed by another reason": {
			func(t *Records) { t.Orders[1].ResultCode = "2006" },
			Disagreeing, "request id-2 has failed with 2099, but KOS has not reported that",
		},
		"failed by itself": {
			func(t *Records) { t.Orders = t.Orders[:1] },
			Disagreeing, "request id-2 has failed with 2099, but KOS has not reported that",
		},
		"another change at KOS": {
			func(t *Records) { t.Orders[1].Target = "LTE-PREMIUM-001" },
			Disagreeing, "request id-2 is another change at KOS",
		},
		"no row of an order": {
			func(t *Records) { t.Rows, t.Observed = t.Rows[:1], t.Observed[:1] },
			Disagreeing, "KOS has request id-2 (2099), without a row",
		},
		"other answer than row": {
			func(t *Records) { t.Observed[1].Answers[0].Status = api.Completed },
			Disagreeing, "request id-2 was reported as COMPLETED 2099 and is FAILED 2099",
		},
		"answered with another request": {
			func(t *Records) { t.Observed[1].Answers[0] = Answer{"id-1", "PENDING", ""} },
			Disagreeing, "key key-2 was answered with request id-1 of another key",
		},
		"refused and accepted": {
			func(t *Records) { t.Observed[0].Refusal, t.Observed[0].Answers = "VALIDATION_FAILED", nil },
			Disagreeing, "key key-1 was refused with VALIDATION_FAILED and is request id-1",
		},
		"another change than requested": {
			func(t *Records) { t.Observed[0].Target = "LTE-PREMIUM-001" },
			Disagreeing, "request id-1 differs from the order with key key-1",
		},
		"an old plan shown": {
			func(t *Records) { t.Shown["line-1"] = old },
			Disagreeing, "line line-1 is shown with LTE-BASIC-001, but has 5G-PREMIUM-001",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			records := healthy()
			test.spoil(&records)
			found := Compare(records)
			if !slices.ContainsFunc(found, func(f Finding) bool {
				return f.Kind == test.kind && strings.HasPrefix(f.What, test.what)
			}) {
				t.Errorf("found %v", found)
			}
		})
	}
}

func TestReportCountsAndFaults(t *testing.T) {
	t.Parallel()
	ready := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	at := func(seconds int) *time.Time {
		t := ready.Add(time.Duration(seconds) * time.Second)
		return &t
	}
	records := healthy()
	records.Observed = records.Observed[:2]
	records.Rows[0].RequestedAt, records.Rows[0].ProcessedAt = *at(-60), at(3)
	records.Rows[1].RequestedAt, records.Rows[1].ProcessedAt = *at(100), at(102)
	report := reportOf(records, ready)
	report.Kills, report.Pauses = 6, 2
	report.Answers = map[string]int{"ask: 200": 2, "ask: no answer": 3, "look: 200": 7}
	if faults := report.Faults(); len(faults) > 0 {
		t.Errorf("faults: %v", faults)
	}
	if got, want := report.Table(), "| 7 | 2 | 6 | 2 | 1 | 1 | 3 | 0 | 0 | 0 | 3s | 1m35s |"; !strings.HasSuffix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	records = healthy()
	records.Rows[0].RequestedAt, records.Rows[0].ProcessedAt = *at(-60), at(91)
	records.Orders = records.Orders[1:]
	report = reportOf(records, ready)
	report.Kills = 5
	report.Answers = map[string]int{"look: 500 INTERNAL_ERROR": 2, "ask: 503 KOS_UNAVAILABLE": 5}
	want := []string{
		"disagreeing: request id-1 is completed, but KOS has not carried it out",
		"changes that were requested: 3 of 4",
		"changes that were refused: 1",
		"from the last recovery to the last final change: 1m31s; at most 1m30s",
		"answers that were internal errors: 2 look: 500 INTERNAL_ERROR",
		"kills: 5 of 6",
	}
	report.Scenario.Changes = append(report.Scenario.Changes, make([]ChangeRequest, 2))
	if faults := report.Faults(); !slices.Equal(faults, want) {
		t.Errorf("faults: %q", faults)
	}
}

// reportOf returns the report of a run with two changes and six kills.
func reportOf(records Records, ready time.Time) Report {
	return Report{Scenario: Kills(7, Size{2, 6}), Records: records, Opened: ready, Over: ready, Ended: ready.Add(95 * time.Second)}
}
