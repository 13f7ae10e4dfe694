package billtest

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Tested is a line that questions wait in, both as those see it who
// come and as those who ask KOS.
type Tested interface {
	bill.Queue
	bill.Turns
	bill.Gate
}

// Conformance checks what every line must do. Open returns an empty one in which
// room questions of a class may wait, and of which KOS allows more than is asked
// here.
func Conformance(t *testing.T, room int, open func(t *testing.T) Tested) {
	t.Helper()
	for name, check := range map[string]func(t *testing.T, l Tested){
		"lines take turns":                       linesTakeTurns,
		"a question is asked for each customer":  aQuestionIsAskedForEachCustomer,
		"who asks the same joins":                whoAsksTheSameJoins,
		"interactive goes first":                 interactiveGoesFirst,
		"a full line":                            func(t *testing.T, l Tested) { t.Helper(); aFullLine(t, l, room) },
		"a turn is given back":                   aTurnIsGivenBack,
		"a question that stands aside is passed": aQuestionThatStandsAsideIsPassed,
		"newcomers leave it to who waits":        newcomersLeaveItToWhoWaits,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, open(t))
		})
	}
}

// number returns a line of the tests.
func number(i int) msisdn.Number { return msisdn.Number(fmt.Sprintf("0107%07d", i)) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// enter gets an inquiry in line.
func enter(t *testing.T, l Tested, line int, month bill.Month) (bill.Record, bill.Place) {
	t.Helper()
	r := bill.Record{
		RequestID: uuid.Must(uuid.NewV7()).String(), UserID: "testuser01", Customer: "CUST001", Line: number(line), Month: month,
		Status: bill.Processing, RequestedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	place, err := l.Enter(t.Context(), r)
	must(t, err)
	return r, place
}

func take(t *testing.T, l Tested) bill.Turn {
	t.Helper()
	turn, err := l.Take(t.Context(), bill.BillInquiry)
	must(t, err)
	return turn
}

// order takes all turns and returns whose they were.
func order(t *testing.T, l Tested) (all []string) {
	t.Helper()
	for turn := take(t, l); turn.Granted; turn = take(t, l) {
		all = append(all, fmt.Sprint(turn.Line.Digits()[4:], " ", turn.Month))
	}
	return all
}

func linesTakeTurns(t *testing.T, l Tested) {
	t.Helper()
	for _, month := range []bill.Month{"2026-11", "2026-10", "2026-09"} {
		enter(t, l, 1, month)
	}
	enter(t, l, 2, "2026-11")
	enter(t, l, 2, "2026-10")
	_, last := enter(t, l, 3, "2026-11")
	if last.Ahead != 2 {
		t.Errorf("the third line's first question has %d before it", last.Ahead)
	}
	want := []string{
		"0000001 2026-11", "0000002 2026-11", "0000003 2026-11",
		"0000001 2026-10", "0000002 2026-10", "0000001 2026-09",
	}
	if diff := cmp.Diff(want, order(t, l)); diff != "" {
		t.Error(diff)
	}
}

func whoAsksTheSameJoins(t *testing.T, l Tested) {
	t.Helper()
	first, _ := enter(t, l, 1, "2026-11")
	enter(t, l, 2, "2026-11")
	second, place := enter(t, l, 1, "2026-11")
	if place.Ahead != 0 {
		t.Errorf("who joined has %d before it", place.Ahead)
	}
	turn := take(t, l)
	if turn.Line != number(1) || turn.RequestID != first.RequestID {
		t.Fatalf("first is %+v", turn)
	}
	if place, err := l.Place(t.Context(), second.RequestID); err != nil || !place.Begun {
		t.Errorf("while KOS is asked: %+v, %v", place, err)
	}
	settled := map[string]bool{}
	must(t, l.Finish(t.Context(), turn, true, func(r bill.Record) bill.Record {
		settled[r.RequestID] = true
		r.Status, r.ResultCode, r.ProcessedAt = bill.Completed, "0000", time.Now()
		return r
	}))
	if diff := cmp.Diff(map[string]bool{first.RequestID: true, second.RequestID: true}, settled); diff != "" {
		t.Error(diff)
	}
	if _, err := l.Place(t.Context(), first.RequestID); !errors.Is(err, bill.ErrNotWaiting) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := l.Standing(t.Context(), turn.FetchID); !errors.Is(err, bill.ErrNotWaiting) {
		t.Errorf("after the end: %v", err)
	}
	must(t, l.Finish(t.Context(), turn, true, func(r bill.Record) bill.Record {
		t.Error("it ended twice")
		return r
	}))
}

// A line that was given to another customer may be asked about by both: KOS is
// asked once, and each inquiry ends with its own customer's answer.
func aQuestionIsAskedForEachCustomer(t *testing.T, l Tested) {
	t.Helper()
	want := map[string]string{}
	for _, customer := range []string{"CUST001", "CUST002", "CUST001"} {
		r := bill.Record{
			RequestID: uuid.Must(uuid.NewV7()).String(), UserID: "user-" + customer, Customer: customer,
			Line: number(1), Month: "2026-11", Status: bill.Processing, RequestedAt: time.Now().UTC().Truncate(time.Microsecond),
		}
		_, err := l.Enter(t.Context(), r)
		must(t, err)
		want[r.RequestID] = customer
	}
	turn := take(t, l)
	if diff := cmp.Diff([]string{"CUST001", "CUST002"}, turn.Customers); diff != "" || turn.Unattributed {
		t.Errorf("asked for %+v: %s", turn, diff)
	}
	got := map[string]string{}
	must(t, l.Finish(t.Context(), turn, true, func(r bill.Record) bill.Record {
		got[r.RequestID] = r.Customer
		return r
	}))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func want(t *testing.T, l Tested, line int) bool {
	t.Helper()
	anew, err := l.Want(t.Context(), bill.Wish{
		Subject: bill.Subject{Line: number(line), Month: "2026-11"}, Customers: []string{"CUST001"}, RequestID: uuid.Must(uuid.NewV7()).String(),
		Class: bill.Background, Reason: bill.ReasonLogin, Refresh: true,
	})
	must(t, err)
	return anew
}

func interactiveGoesFirst(t *testing.T, l Tested) {
	t.Helper()
	if !want(t, l, 1) || want(t, l, 1) || !want(t, l, 2) {
		t.Error("it does not know what is wanted already")
	}
	enter(t, l, 3, "2026-11")
	enter(t, l, 2, "2026-11") // somebody waits for it now
	if want(t, l, 3) {
		t.Error("it is waited for already")
	}
	if diff := cmp.Diff([]string{"0000003 2026-11", "0000002 2026-11", "0000001 2026-11"}, order(t, l)); diff != "" {
		t.Error(diff)
	}
}

func aFullLine(t *testing.T, l Tested, room int) {
	t.Helper()
	for i := range room {
		enter(t, l, i, "2026-11")
	}
	r := bill.Record{
		RequestID: uuid.Must(uuid.NewV7()).String(), Customer: "CUST001", Line: number(room), Month: "2026-11",
		Status: bill.Processing, RequestedAt: time.Now(),
	}
	if _, err := l.Enter(t.Context(), r); !errors.Is(err, bill.ErrLineFull) {
		t.Errorf("got %v", err)
	}
	if _, err := l.Place(t.Context(), r.RequestID); !errors.Is(err, bill.ErrNotWaiting) {
		t.Errorf("who was refused waits: %v", err)
	}
	enter(t, l, 0, "2026-11") // joins
	if !want(t, l, room) {
		t.Error("the background has a room of its own")
	}
}

func aTurnIsGivenBack(t *testing.T, l Tested) {
	t.Helper()
	enter(t, l, 1, "2026-11")
	enter(t, l, 2, "2026-11")
	turn := take(t, l)
	must(t, l.Return(t.Context(), turn, 0))
	if again := take(t, l); again.FetchID != turn.FetchID || again.Tries != 0 {
		t.Errorf("first is %+v, not %+v", again, turn)
	}
}

func aQuestionThatStandsAsideIsPassed(t *testing.T, l Tested) {
	t.Helper()
	r, _ := enter(t, l, 1, "2026-11")
	enter(t, l, 2, "2026-11")
	must(t, l.Return(t.Context(), take(t, l), time.Hour))
	if turn := take(t, l); turn.Line != number(2) {
		t.Errorf("first is %+v", turn)
	}
	if turn := take(t, l); turn.Granted || !turn.Nobody {
		t.Errorf("there is %+v", turn)
	}
	if place, err := l.Place(t.Context(), r.RequestID); err != nil || place.Estimate < 59*time.Minute {
		t.Errorf("it stands at %+v, %v", place, err)
	}
}

// While KOS may be away, who waits in line finds out, and newcomers are told at
// once; once KOS has answered, they may wait with the others.
func newcomersLeaveItToWhoWaits(t *testing.T, l Tested) {
	t.Helper()
	enter(t, l, 1, "2026-01")
	enter(t, l, 2, "2026-01")
	pass := func(want bill.Passage) {
		t.Helper()
		if got, err := l.Pass(t.Context(), bill.BillInquiry); err != nil || got != want {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	pass(bill.MustWait)
	must(t, l.Rest(t.Context(), bill.BillInquiry, time.Millisecond))
	turn, err := l.Take(t.Context(), bill.BillInquiry)
	for ; err == nil && !turn.Granted; turn, err = l.Take(t.Context(), bill.BillInquiry) {
		runtime.Gosched() // the rest is not over
	}
	must(t, err)
	pass(bill.Resting)
	must(t, l.Finish(t.Context(), turn, true, func(r bill.Record) bill.Record { return r }))
	pass(bill.MustWait)
}
