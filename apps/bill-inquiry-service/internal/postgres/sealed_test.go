package postgres_test

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// private are texts of the bill and the record below that the database must not contain
// in clear.
var private = []string{"홍길동", "87654", "87,654", "5G 프리미엄", "신용카드"}

func privateBill(month bill.Month, asOf time.Time) bill.Bill {
	return bill.Bill{
		Line: line, Month: month, Final: true, AsOf: asOf, ProductName: "5G 프리미엄",
		Customer: bill.Customer{ID: "CUST001", Name: "홍길동"}, Charges: bill.Charges{Total: 87654},
		Payment: bill.Payment{Method: "신용카드"},
	}
}

func write(t *testing.T, pool *pgxpool.Pool, keyring *seal.Keyring, records ...bill.Record) *postgres.History {
	t.Helper()
	writer := postgres.NewRecordWriter(pool, keyring, slog.New(slog.DiscardHandler), groupcommit.NewMetrics(prometheus.NewRegistry()))
	writer.Start()
	history := postgres.NewHistory(pool, keyring, writer)
	for _, r := range records {
		history.Append(t.Context(), r)
	}
	if err := writer.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	return history
}

// expectNoPrivateText fails the test if the database contains a private text in clear.
// It must contain the line number: else the content was not read.
func expectNoPrivateText(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	content := pgtest.Content(t, pool)
	if !bytes.Contains(content, []byte(line)) {
		t.Error("the database does not contain the line number")
	}
	for _, text := range private {
		if bytes.Contains(content, []byte(text)) {
			t.Errorf("the database contains %s in clear", text)
		}
	}
}

func TestTheDatabaseTellsNoBill(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, postgres.Migrations()).Pool
	keyring := sealtest.Keyring(t)
	b := privateBill("2026-10", time.Now().UTC())
	if err := postgres.NewArchive(pool, keyring).Store(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	r := record(t, func(r *bill.Record) { r.Summary = "2026-10 청구 금액 87,654원" })
	history := write(t, pool, keyring, r)
	expectNoPrivateText(t, pool)

	got, err := postgres.NewArchive(pool, keyring).Find(t.Context(), own, "2026-10")
	if diff := cmp.Diff(b, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if found, err := history.Find(t.Context(), r.UserID, r.RequestID); err != nil || found.Summary != r.Summary {
		t.Errorf("%q, %v", found.Summary, err)
	}
}

func TestBillCopiedToAnotherLineIsNotOpened(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, postgres.Migrations()).Pool
	archive := postgres.NewArchive(pool, sealtest.Keyring(t))
	if err := archive.Store(t.Context(), privateBill("2026-10", time.Now())); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `UPDATE customer_bill SET line_number = '01087654321'`); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Find(t.Context(), bill.Subscription{Customer: holder.ID, Line: "01087654321"}, "2026-10"); !errors.Is(err, seal.ErrBroken) {
		t.Errorf("got %v", err)
	}
}

func TestRecordIsReadWithoutASummaryThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, postgres.Migrations()).Pool
	r := record(t, nil)
	write(t, pool, sealtest.Keyring(t), r)
	got, err := postgres.NewHistory(pool, sealtest.Keyring(t), nil).Find(t.Context(), r.UserID, r.RequestID)
	r.Summary = ""
	if diff := cmp.Diff(r, got, cmp.Comparer(time.Time.Equal)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// Statements of releases that do not seal.
const (
	clearBill = `
		INSERT INTO bill_archive (line_number, billing_month, final, as_of, document) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (line_number, billing_month) DO UPDATE SET as_of = excluded.as_of, document = excluded.document`
	clearInvalidation = `UPDATE bill_archive SET as_of = $2, document = NULL WHERE line_number = $1`
	clearRecord       = `
		INSERT INTO inquiry_request (request_id, requested_at, user_id, line_number, inquiry_month, status, result_code, summary)
		VALUES ($1, $2, $3, $4, $5, 'COMPLETED', '0000', $6)`
)

func exec(t *testing.T, pool *pgxpool.Pool, statement string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

func TestReplicasThatDoNotSealRunBesideNewOnes(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, postgres.Migrations()).Pool
	archive := postgres.NewArchive(pool, sealtest.Keyring(t))
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	open := privateBill("2026-11", at)
	open.Final = false
	if err := archive.Store(t.Context(), open); err != nil {
		t.Fatal(err)
	}
	newer := open
	newer.AsOf, newer.Charges.Total = at.Add(time.Hour), 1
	exec(t, pool, clearBill, line, "2026-11", false, newer.AsOf, newer)
	if got, err := archive.Find(t.Context(), own, "2026-11"); err != nil || got.Charges.Total != 1 {
		t.Errorf("the newer bill in clear: %+v, %v", got, err)
	}
	exec(t, pool, clearInvalidation, line, at.Add(2*time.Hour))
	if got, err := archive.Find(t.Context(), own, "2026-11"); !errors.Is(err, bill.ErrNotArchived) {
		t.Errorf("an invalidated bill: %+v, %v", got, err)
	}
}

func TestReseal(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, postgres.Migrations()).Pool
	at := time.Now().UTC().Truncate(time.Microsecond)
	old := sealtest.Keyset(t)
	store := sealtest.NewStore(old)
	keyring := store.Keyring()
	archive := postgres.NewArchive(pool, keyring)

	inClear := privateBill("2026-09", at)
	exec(t, pool, clearBill, line, "2026-09", true, at, inClear)
	clearOne := record(t, func(r *bill.Record) { r.Summary = "2026-09 청구 금액 87,654원" })
	exec(t, pool, clearRecord, clearOne.RequestID, clearOne.RequestedAt, clearOne.UserID, line, "2026-09", clearOne.Summary)
	months := []bill.Month{"2026-06", "2026-07", "2026-08"}
	for _, month := range months {
		if err := archive.Store(t.Context(), privateBill(month, at)); err != nil {
			t.Fatal(err)
		}
	}
	sealedOne := record(t, nil)
	write(t, pool, keyring, sealedOne)

	promoted := sealtest.Promoted(t, sealtest.Added(t, old))
	store.Put(promoted)
	want := map[string]int{"customer_bill": 3, "bill_archive": 1, "inquiry_request": 2}
	for _, table := range postgres.Sealed(pool) {
		got, err := seal.Reseal(t.Context(), keyring, table)
		if diff := cmp.Diff(seal.Report{Resealed: want[table.Name()]}, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", table.Name(), err, diff)
		}
	}
	store.Put(sealtest.Reduced(t, promoted))
	expectNoPrivateText(t, pool)
	for _, month := range append(months, "2026-09") {
		if got, err := archive.Find(t.Context(), own, month); err != nil || got.Charges.Total != 87654 {
			t.Errorf("%s: %+v, %v", month, got, err)
		}
	}
	history := postgres.NewHistory(pool, keyring, nil)
	for _, r := range []bill.Record{clearOne, sealedOne} {
		if got, err := history.Find(t.Context(), r.UserID, r.RequestID); err != nil || got.Summary != r.Summary {
			t.Errorf("%q, %v; want %q", got.Summary, err, r.Summary)
		}
	}
}
