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

// peace is a run in which all went well: one change was completed, one failed,
// and one was never accepted.
func peace() Truths {
	told := func(key, line string, answers ...Answer) Told {
		return Told{User: "user-" + line, Key: key, Line: line, Current: old, Target: new1, Answers: answers}
	}
	row := func(id, key, line, status, code string) Row {
		return Row{RequestID: id, User: "user-" + line, Key: key, Line: line, Current: old, Target: new1, Status: status, Code: code}
	}
	order := func(id, line, code, status string) kos.Order {
		return kos.Order{RequestID: id, Line: line, Current: old, Target: new1, ResultCode: code, Status: status}
	}
	refused := told("key-3", "line-3")
	refused.Refusal = "VALIDATION_FAILED"
	return Truths{
		Told: []Told{
			told("key-1", "line-1", Answer{"id-1", "PENDING", ""}, Answer{"id-1", api.Completed, kos.OK}),
			told("key-2", "line-2", Answer{"id-2", api.Failed, "2099"}),
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

func TestNothingIsFoundWhereAllIsWell(t *testing.T) {
	t.Parallel()
	if found := Compare(peace()); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	silent := peace()
	silent.Told[0].Answers = nil // the customer never got one: the change was accepted all the same
	if found := Compare(silent); len(found) > 0 {
		t.Errorf("without an answer: %v", found)
	}
}

func TestEachThingThatIsWrongIsFound(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spoil func(*Truths)
		kind  Kind
		what  string
	}{
		"no row": {
			func(t *Truths) { t.Rows, t.Orders = t.Rows[1:], t.Orders[1:] },
			Lost, "request id-1 was accepted under key key-1 and is not to be found",
		},
		"forgotten by the service": {
			func(t *Truths) { t.Told[0].Answers[1].Status = Unknown },
			Lost, "request id-1 was accepted",
		},
		"not final": {
			func(t *Truths) { t.Rows[0].Status, t.Told[0].Answers = "PROCESSING", nil },
			Lost, "request id-1 is still PROCESSING",
		},
		"keeps its line": {
			func(t *Truths) { t.Rows[1].Holds = true },
			Lost, "request id-2 is FAILED and still keeps its line",
		},
		"carried out twice": {
			func(t *Truths) { t.Orders = append(t.Orders, t.Orders[0]) },
			Doubled, "KOS has carried out request id-1 2 times",
		},
		"two rows for a key": {
			func(t *Truths) {
				twin, order := t.Rows[0], t.Orders[0]
				twin.RequestID, order.RequestID = "id-9", "id-9"
				t.Rows, t.Orders = append(t.Rows, twin), append(t.Orders, order)
			},
			Doubled, "key key-1 has 2 rows",
		},
		"two requests told for a key": {
			func(t *Truths) {
				t.Told[0].Answers = append(t.Told[0].Answers, t.Told[1].Answers[0])
			},
			Doubled, "key key-1 was told of 2 requests",
		},
		"two rows of a request": {
			func(t *Truths) { t.Rows = append(t.Rows, t.Rows[0]) },
			Doubled, "request id-1 has two rows",
		},
		"nobody asked": {
			func(t *Truths) { t.Told = t.Told[1:] },
			Doubled, `1 rows of user-line-1 that nobody asked for, key "key-1"`,
		},
		"completed, but not at KOS": {
			func(t *Truths) { t.Orders = t.Orders[1:] },
			Disagreeing, "request id-1 is completed, but KOS has not carried it out",
		},
		"failed, but carried out": {
			func(t *Truths) { t.Orders[1].ResultCode = kos.OK },
			Disagreeing, "request id-2 has failed, but KOS has carried it out",
		},
		"failed by another reason": {
			func(t *Truths) { t.Orders[1].ResultCode = "2006" },
			Disagreeing, "request id-2 has failed with 2099, but KOS has not said so",
		},
		"failed by itself": {
			func(t *Truths) { t.Orders = t.Orders[:1] },
			Disagreeing, "request id-2 has failed with 2099, but KOS has not said so",
		},
		"another change at KOS": {
			func(t *Truths) { t.Orders[1].Target = "LTE-PREMIUM-001" },
			Disagreeing, "request id-2 is another change at KOS",
		},
		"no row of an order": {
			func(t *Truths) { t.Rows, t.Told = t.Rows[:1], t.Told[:1] },
			Disagreeing, "KOS has request id-2 (2099), of which there is no row",
		},
		"told otherwise": {
			func(t *Truths) { t.Told[1].Answers[0].Status = api.Completed },
			Disagreeing, "request id-2 was told as COMPLETED 2099 and is FAILED 2099",
		},
		"told of another's": {
			func(t *Truths) { t.Told[1].Answers[0] = Answer{"id-1", "PENDING", ""} },
			Disagreeing, "key key-2 was told of request id-1, which is another's",
		},
		"refused and accepted": {
			func(t *Truths) { t.Told[0].Refusal, t.Told[0].Answers = "VALIDATION_FAILED", nil },
			Disagreeing, "key key-1 was refused with VALIDATION_FAILED and is request id-1",
		},
		"another change than asked for": {
			func(t *Truths) { t.Told[0].Target = "LTE-PREMIUM-001" },
			Disagreeing, "request id-1 is not what key key-1 stands for",
		},
		"an old plan shown": {
			func(t *Truths) { t.Shown["line-1"] = old },
			Disagreeing, "line line-1 is shown with LTE-BASIC-001, but has 5G-PREMIUM-001",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			truths := peace()
			test.spoil(&truths)
			found := Compare(truths)
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
	truths := peace()
	truths.Told = truths.Told[:2]
	truths.Rows[0].RequestedAt, truths.Rows[0].ProcessedAt = *at(-60), at(3)
	truths.Rows[1].RequestedAt, truths.Rows[1].ProcessedAt = *at(100), at(102)
	report := newReport(truths, ready)
	report.Kills, report.Pauses, report.Took = 6, 2, 95*time.Second
	report.Answers = map[string]int{"ask: 200": 2, "ask: no answer": 3, "look: 200": 7}
	if faults := report.Faults(); len(faults) > 0 {
		t.Errorf("faults: %v", faults)
	}
	if got, want := report.TableRow(7), "| 7 | 2 | 6 | 2 | 1 | 1 | 3 | 0 | 0 | 0 | 3s | 1m35s |"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	truths = peace()
	truths.Rows[0].RequestedAt, truths.Rows[0].ProcessedAt = *at(-60), at(91)
	truths.Orders = truths.Orders[1:]
	report = newReport(truths, ready)
	report.Answers = map[string]int{"look: 500 INTERNAL_ERROR": 2, "ask: 503 KOS_UNAVAILABLE": 5}
	want := []string{
		"disagreeing: request id-1 is completed, but KOS has not carried it out",
		"the last change became final 1m31s after the last recovery",
		"1 changes were refused",
		"2 answers were faults of ours: look: 500 INTERNAL_ERROR",
	}
	if faults := report.Faults(); !slices.Equal(faults, want) {
		t.Errorf("faults: %q", faults)
	}
}
