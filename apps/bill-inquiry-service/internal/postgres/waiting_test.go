package postgres_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill/billtest"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/queue"
	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// room is how many may wait.
const room = 10

// newQueue returns a line in a database of its own.
func newQueue(t *testing.T, perMinute int) (*postgres.Queue, *pgxpool.Pool) {
	t.Helper()
	return newSealedQueue(t, sealtest.Keyring(t), perMinute)
}

// newSealedQueue is newQueue with a keyring.
func newSealedQueue(t *testing.T, keyring *seal.Keyring, perMinute int) (*postgres.Queue, *pgxpool.Pool) {
	t.Helper()
	pool := pgtest.New(t, postgres.Migrations(), pgtest.Step{Name: jobs.Version, Apply: jobs.Migrate}).Pool
	inserts, err := queue.NewJobs(pool, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	budgets := postgres.NewBudgets(pool, "us", map[bill.Endpoint]int{
		bill.BillInquiry: perMinute, bill.ProductInquiry: perMinute,
	}, func(bill.Endpoint) {})
	return postgres.NewQueue(postgres.QueueParams{
		Pool: pool, Jobs: inserts, Budgets: budgets, Keyring: keyring,
		Room: postgres.Room{Interactive: room, Background: room},
	}), pool
}

func TestTheLineConforms(t *testing.T) {
	t.Parallel()
	billtest.Conformance(t, room, func(t *testing.T) billtest.Tested {
		t.Helper()
		line, _ := newQueue(t, 100_000)
		return line
	})
}

func number(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) (n int) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func waiting(line msisdn.Number) bill.Record {
	return bill.Record{
		RequestID: uuid.Must(uuid.NewV7()).String(), UserID: "testuser01", Line: line, Month: "2026-11",
		Status: bill.Processing, RequestedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
}

func TestAnInquiryIsWrittenDownWithAllThatEndsIt(t *testing.T) {
	t.Parallel()
	line, pool := newQueue(t, 100_000)
	r := waiting("01012345678")
	if _, err := line.Enter(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if n := number(t, pool, "SELECT count(*) FROM river_job WHERE kind = $1 AND queue = 'bill-inquiry'", queue.KindFetch); n != 1 {
		t.Errorf("%d jobs", n)
	}
	if n := number(t, pool, "SELECT count(*) FROM inquiry_request WHERE status = 'PROCESSING'"); n != 1 {
		t.Errorf("%d records", n)
	}
	turn, err := line.Take(t.Context(), bill.BillInquiry)
	if err != nil || !turn.Granted {
		t.Fatalf("got %+v, %v", turn, err)
	}
	var settled bill.Record
	err = line.Finish(t.Context(), turn, true, func(seen bill.Record) bill.Record {
		settled = seen
		seen.Status, seen.ResultCode, seen.Summary, seen.ProcessedAt = bill.Completed, "0000", "2026-11 청구 금액 87,654원", time.Now()
		return seen
	})
	if err != nil {
		t.Fatal(err)
	}
	settled.RequestedAt = settled.RequestedAt.UTC()
	if diff := cmp.Diff(r, settled); diff != "" {
		t.Error(diff)
	}
	if n := number(t, pool, "SELECT count(*) FROM inquiry_request WHERE status = 'COMPLETED' AND result_code = '0000'"); n != 1 {
		t.Error("the record is not settled")
	}
	if n := number(t, pool, "SELECT (SELECT count(*) FROM waiting_fetch) + (SELECT count(*) FROM waiting_inquiry)"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	expectSilence(t, pool)
}

func TestWithoutKeysNobodyGetsInLine(t *testing.T) {
	t.Parallel()
	line, pool := newSealedQueue(t, sealtest.NewStore("").Keyring(), 100_000)
	if _, err := line.Enter(t.Context(), waiting("01012345678")); !errors.Is(err, bill.ErrDatabase) {
		t.Errorf("got %v", err)
	}
	if n := number(t, pool, "SELECT (SELECT count(*) FROM waiting_fetch) + (SELECT count(*) FROM river_job)"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

func TestOnlyWhoMustWaitsInLine(t *testing.T) {
	t.Parallel()
	line, pool := newQueue(t, 100_000)
	pass := func(want bill.Passage) {
		t.Helper()
		if got, err := line.Pass(t.Context(), bill.BillInquiry); err != nil || got != want {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	pass(bill.Granted)
	if _, err := line.Enter(t.Context(), waiting("01012345678")); err != nil {
		t.Fatal(err)
	}
	pass(bill.MustWait) // somebody is before
	if turn, err := line.Take(t.Context(), bill.BillInquiry); err != nil || !turn.Granted {
		t.Errorf("got %+v, %v", turn, err)
	}
	if _, err := pool.Exec(t.Context(), "UPDATE kos_budget SET full_at = full_at + interval '1 hour'"); err != nil {
		t.Fatal(err)
	}
	pass(bill.MustWait) // the limit is spent
	if err := line.Rest(t.Context(), bill.BillInquiry, time.Minute); err != nil {
		t.Fatal(err)
	}
	pass(bill.Resting)
	if turn, err := line.Take(t.Context(), bill.BillInquiry); err != nil || turn.Granted {
		t.Errorf("while KOS rests: %+v, %v", turn, err)
	}
	if got, err := line.Pass(t.Context(), bill.ProductInquiry); err != nil || got != bill.Granted {
		t.Errorf("another endpoint: %v, %v", got, err)
	}
}

func TestWhoDiedWithATurnLosesIt(t *testing.T) {
	t.Parallel()
	line, pool := newQueue(t, 100_000)
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

func TestNewcomersDoNotPassWhoHasWaitedForAMinute(t *testing.T) {
	t.Parallel()
	line, pool := newQueue(t, 100_000)
	for _, month := range []bill.Month{"2026-11", "2026-10"} {
		r := waiting("01012345678")
		r.Month = month
		if _, err := line.Enter(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pool.Exec(t.Context(), "UPDATE waiting_fetch SET since = since - interval '2 minutes'"); err != nil {
		t.Fatal(err)
	}
	if place, err := line.Enter(t.Context(), waiting("01087654321")); err != nil || place.Ahead != 2 {
		t.Errorf("got %+v, %v", place, err)
	}
}

func TestHopelessQuestionsAreFound(t *testing.T) {
	t.Parallel()
	line, pool := newQueue(t, 100_000)
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

func TestActiveLinesWithoutAFreshBill(t *testing.T) {
	t.Parallel()
	line, pool := newQueue(t, 100_000)
	archive, now := postgres.NewArchive(pool, sealtest.Keyring(t)), time.Now()
	lines := []msisdn.Number{"01000000001", "01000000002", "01000000003"} // one is stale, one fresh, one waits
	for i, own := range lines {
		r := waiting(own)
		if _, err := line.Enter(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			continue
		}
		turn, err := line.Take(t.Context(), bill.BillInquiry)
		if err != nil {
			t.Fatal(err)
		}
		err = line.Finish(t.Context(), turn, true, func(r bill.Record) bill.Record {
			r.Status, r.ProcessedAt = bill.Completed, now
			return r
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := archive.Keep(t.Context(), bill.Bill{Line: own, Month: "2026-11", AsOf: now.Add(time.Duration(i-1) * time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := postgres.NewActivity(pool).Active(t.Context(), now.Add(-time.Hour), now.Add(-time.Minute), "2026-11", 10)
	if err != nil || !cmp.Equal(got, lines[:1]) {
		t.Errorf("got %v, %v", got, err)
	}
}
