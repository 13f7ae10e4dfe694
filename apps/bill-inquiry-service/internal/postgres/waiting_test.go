package postgres_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill/billtest"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/queue"
	"github.com/phonebill/phonebill/apps/internal/jobs"
	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

const (
	room   = 10      // how many may wait
	plenty = 100_000 // what KOS allows a minute
)

// newQueue returns a line in a database of its own.
func newQueue(t *testing.T) (*postgres.Queue, *pgxpool.Pool) {
	t.Helper()
	return newSealedQueue(t, sealtest.Keyring(t))
}

// newSealedQueue is newQueue with a keyring.
func newSealedQueue(t *testing.T, keyring *seal.Keyring) (*postgres.Queue, *pgxpool.Pool) {
	t.Helper()
	pool := pgtest.New(t, postgres.Migrations(), pgtest.Step{Name: jobs.Version, Apply: jobs.Migrate}).Pool
	inserts, err := queue.NewJobs(pool, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	budgets := postgres.NewBudgets(pool, "us", map[bill.Endpoint]int{
		bill.BillInquiry: plenty, bill.ProductInquiry: plenty,
	}, kosbudget.NewMetrics(prometheus.NewRegistry()))
	return postgres.NewQueue(postgres.QueueParams{
		Pool: pool, Jobs: inserts, Budgets: budgets, Keyring: keyring,
		Room: postgres.Room{Interactive: room, Background: room},
	}), pool
}

func TestTheLineConforms(t *testing.T) {
	t.Parallel()
	billtest.Conformance(t, room, func(t *testing.T) billtest.Tested {
		t.Helper()
		line, _ := newQueue(t)
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
		RequestID: uuid.Must(uuid.NewV7()).String(), UserID: "testuser01", Customer: holder.ID, Line: line, Month: "2026-11",
		Status: bill.Processing, RequestedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
}

func TestAnInquiryIsWrittenDownWithAllThatEndsIt(t *testing.T) {
	t.Parallel()
	line, pool := newQueue(t)
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

func TestWhoIsInLineIsNotToldOtherwise(t *testing.T) {
	t.Parallel()
	line, pool := newQueue(t)
	if _, err := pool.Exec(t.Context(), "DROP TABLE kos_budget"); err != nil { // nobody can say how long it takes
		t.Fatal(err)
	}
	place, err := line.Enter(t.Context(), waiting("01012345678"))
	if err != nil || place.Estimate <= 0 {
		t.Errorf("got %+v, %v", place, err)
	}
	if n := number(t, pool, "SELECT count(*) FROM waiting_inquiry"); n != 1 {
		t.Errorf("%d wait", n)
	}
}

func TestWithoutKeysNobodyGetsInLine(t *testing.T) {
	t.Parallel()
	line, pool := newSealedQueue(t, sealtest.NewStore("").Keyring())
	if _, err := line.Enter(t.Context(), waiting("01012345678")); !errors.Is(err, bill.ErrDatabase) {
		t.Errorf("got %v", err)
	}
	if n := number(t, pool, "SELECT (SELECT count(*) FROM waiting_fetch) + (SELECT count(*) FROM river_job)"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

func TestOnlyWhoMustWaitsInLine(t *testing.T) {
	t.Parallel()
	line, pool := newQueue(t)
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

func TestNewcomersDoNotPassWhoHasWaitedForAMinute(t *testing.T) {
	t.Parallel()
	line, pool := newQueue(t)
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
