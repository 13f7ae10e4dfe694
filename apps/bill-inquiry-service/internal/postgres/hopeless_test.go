package postgres_test

import (
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/queue"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

func TestHopelessQuestionsAreFound(t *testing.T) {
	t.Parallel()
	line, pool := newQueue(t)
	for _, who := range []msisdn.Number{"01012345678", "01087654321"} {
		if _, err := line.Enter(t.Context(), waiting(who)); err != nil {
			t.Fatal(err)
		}
	}
	hopeless := func(want int) {
		t.Helper()
		if found, err := line.Hopeless(t.Context(), 10*time.Minute); err != nil || len(found) != want {
			t.Errorf("found %+v, %v", found, err)
		}
	}
	exec := func(sql string) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	turn, err := line.Take(t.Context(), bill.BillInquiry)
	if err != nil || line.Return(t.Context(), turn, time.Minute) != nil {
		t.Fatal(err)
	}
	exec("UPDATE waiting_fetch SET since = since - interval '11 minutes'")
	hopeless(0) // they just wait
	exec("UPDATE waiting_fetch SET failing_since = failing_since - interval '11 minutes'")
	hopeless(1)
	if err := line.Rest(t.Context(), bill.BillInquiry, time.Second); err != nil {
		t.Fatal(err)
	}
	hopeless(1)
	exec("UPDATE resting_endpoint SET away_since = away_since - interval '11 minutes', rests_until = now()")
	hopeless(2)
	exec("UPDATE resting_endpoint SET rests_until = now() - interval '2 minutes'")
	hopeless(1) // nobody has met that outage lately
	if err := line.Rest(t.Context(), bill.BillInquiry, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	hopeless(1) // it is another one
	exec("UPDATE resting_endpoint SET away_since = away_since - interval '11 minutes', rests_until = now()")
	hopeless(2)
	turn, err = line.Take(t.Context(), bill.BillInquiry)
	if err != nil || line.Finish(t.Context(), turn, true, func(r bill.Record) bill.Record { return r }) != nil {
		t.Fatal(err)
	}
	hopeless(1) // KOS is back
	all, err := line.Waiting(t.Context())
	if err != nil || len(all) != 1 || all[0].Count != 1 || all[0].Oldest < 11*time.Minute {
		t.Errorf("%+v wait, %v", all, err)
	}
}

func TestWhoDiedWithATurnLosesIt(t *testing.T) {
	t.Parallel()
	line, pool := newQueue(t)
	if _, err := line.Enter(t.Context(), waiting("01012345678")); err != nil {
		t.Fatal(err)
	}
	first, err := line.Take(t.Context(), bill.BillInquiry)
	if err != nil || !first.Granted {
		t.Fatalf("got %+v, %v", first, err)
	}
	if _, err := pool.Exec(t.Context(), "UPDATE waiting_fetch SET taken_until = taken_until - interval '1 minute'"); err != nil {
		t.Fatal(err)
	}
	if again, err := line.Take(t.Context(), bill.BillInquiry); err != nil || again.FetchID != first.FetchID {
		t.Errorf("got %+v, %v", again, err)
	}
	if _, err := pool.Exec(t.Context(), "DELETE FROM river_job"); err != nil {
		t.Fatal(err)
	}
	for want := 1; want >= 0; want-- { // the second time there is nothing to do
		if found, err := line.Requeue(t.Context(), queue.KindFetch); err != nil || found != want {
			t.Errorf("put %d back, %v", found, err)
		}
	}
}
