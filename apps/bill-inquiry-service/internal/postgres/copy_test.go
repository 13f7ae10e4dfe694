package postgres_test

import (
	"fmt"
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

// writeGroup writes records as one group: they are in the buffer when the writer starts.
func writeGroup(t *testing.T, pool *pgxpool.Pool, keyring *seal.Keyring, records ...bill.Record) {
	t.Helper()
	writer := postgres.NewRecordWriter(pool, keyring, slog.New(slog.DiscardHandler), groupcommit.NewMetrics(prometheus.NewRegistry()))
	for _, r := range records {
		if !writer.Offer(t.Context(), r) {
			t.Fatal("the buffer is full")
		}
	}
	writer.Start()
	if err := writer.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestGroupsOfAnySizeAreWrittenAsGiven(t *testing.T) {
	t.Parallel()
	pool, keyring := pgtest.New(t, postgres.Migrations()).Pool, sealtest.Keyring(t)
	history := postgres.NewHistory(pool, keyring, nil)
	for _, size := range []int{1, 2, 15, 16, 17, 40} {
		var records []bill.Record
		for i := range size {
			records = append(records, record(t, func(r *bill.Record) {
				r.Customer, r.Summary = fmt.Sprintf("CUST%03d", i), fmt.Sprintf("2026-11 청구 금액 %d원", i)
				if i%2 == 1 {
					r.Status, r.ProcessedAt, r.ResultCode = bill.Processing, time.Time{}, ""
				}
			}))
		}
		writeGroup(t, pool, keyring, records...)
		for _, want := range records {
			got, err := history.Find(t.Context(), want.UserID, want.RequestID)
			if err != nil {
				t.Fatalf("group of %d: %v", size, err)
			}
			if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); diff != "" {
				t.Errorf("group of %d: %s", size, diff)
			}
		}
	}
}

// TestGroupWithKnownRecords writes a group again, as after a commit whose confirmation
// was lost, with records that have changed meanwhile and with one that is new.
func TestGroupWithKnownRecords(t *testing.T) {
	t.Parallel()
	pool, keyring := pgtest.New(t, postgres.Migrations()).Pool, sealtest.Keyring(t)
	history := postgres.NewHistory(pool, keyring, nil)
	var records []bill.Record
	for range 20 {
		records = append(records, record(t, func(r *bill.Record) { r.Status = bill.Processing }))
	}
	records[0].Status = bill.Completed
	writeGroup(t, pool, keyring, records...)

	for i := range records {
		records[i].Status = bill.Failed
	}
	writeGroup(t, pool, keyring, append(records, record(t, nil))...)
	for i, r := range records {
		want := bill.Failed
		if i == 0 {
			want = bill.Completed // only a running inquiry is replaced
		}
		if got, err := history.Find(t.Context(), r.UserID, r.RequestID); err != nil || got.Status != want {
			t.Errorf("record %d: got %s, %v, want %s", i, got.Status, err, want)
		}
	}
	var rows int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM inquiry_request").Scan(&rows); err != nil || rows != 21 {
		t.Errorf("%d rows, want 21; %v", rows, err)
	}
}

// TestBadRecordSpoilsNoGroup writes a group with a record that the database rejects.
func TestBadRecordSpoilsNoGroup(t *testing.T) {
	t.Parallel()
	pool, keyring := pgtest.New(t, postgres.Migrations()).Pool, sealtest.Keyring(t)
	var records []bill.Record
	for range 20 {
		records = append(records, record(t, nil))
	}
	records[1].UserID, records[3].RequestID = "\x00", "no id"
	writeGroup(t, pool, keyring, records...)
	var rows int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM inquiry_request").Scan(&rows); err != nil || rows != 18 {
		t.Errorf("%d rows, want 18; %v", rows, err)
	}
}
