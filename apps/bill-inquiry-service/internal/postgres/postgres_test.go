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
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/kos/exchange"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/query"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

const line = msisdn.Number("01012345678")

// newHistory returns a history whose writer runs until the test ends. It connects first,
// because connecting may take longer than Append waits for the commit.
func newHistory(t *testing.T) *postgres.History {
	t.Helper()
	pool := pgtest.New(t, postgres.Migrations()).Pool
	keyring := sealtest.Keyring(t)
	if err := pool.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	writer := postgres.NewRecordWriter(pool, keyring, slog.New(slog.DiscardHandler), groupcommit.NewMetrics(prometheus.NewRegistry()))
	writer.Start()
	t.Cleanup(func() {
		if err := writer.Stop(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return postgres.NewHistory(pool, keyring, writer)
}

func TestReadingWithoutADatabaseIsErrDatabase(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://unknown@127.0.0.1:1/nowhere")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	history := postgres.NewHistory(pool, nil, nil)
	_, findErr := history.Find(t.Context(), "testuser01", uuid.Must(uuid.NewV7()).String())
	_, listErr := history.List(t.Context(), bill.Filter{UserID: "testuser01", Page: query.Page{Number: 1, Size: 20}})
	if !errors.Is(findErr, bill.ErrDatabase) || !errors.Is(listErr, bill.ErrDatabase) {
		t.Errorf("Find: %v, List: %v", findErr, listErr)
	}
}

func record(t *testing.T, change func(*bill.Record)) bill.Record {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	r := bill.Record{
		RequestID: id.String(), UserID: "testuser01", Line: line, Month: "2026-11", Status: bill.Completed,
		ResultCode: "0000", Summary: "요약",
		RequestedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	r.ProcessedAt = r.RequestedAt.Add(time.Millisecond)
	if change != nil {
		change(&r)
	}
	return r
}

func TestRecordsAreFoundByTheirOwner(t *testing.T) {
	t.Parallel()
	history := newHistory(t)
	want := record(t, nil)
	history.Append(t.Context(), want)
	got, err := history.Find(t.Context(), "testuser01", want.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Error(diff)
	}
	for name, ask := range map[string][2]string{
		"a stranger":    {"testuser02", want.RequestID},
		"an unknown id": {"testuser01", uuid.Must(uuid.NewV7()).String()},
		"a random id":   {"testuser01", uuid.NewString()},
		"no id at all":  {"testuser01", "x"},
	} {
		if _, err := history.Find(t.Context(), ask[0], ask[1]); !errors.Is(err, bill.ErrNoInquiry) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyARunningInquiryIsReplaced(t *testing.T) {
	t.Parallel()
	history := newHistory(t)
	running := record(t, func(r *bill.Record) { r.Status, r.ProcessedAt = bill.Processing, time.Time{} })
	done, late := running, running
	done.Status, late.Status = bill.Completed, bill.Failed
	for _, r := range []bill.Record{running, done, late, running} {
		history.Append(t.Context(), r)
	}
	got, err := history.Find(t.Context(), running.UserID, running.RequestID)
	if err != nil || got.Status != bill.Completed {
		t.Errorf("got %s, %v", got.Status, err)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	history := newHistory(t)
	start := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	other := msisdn.Number("01087654321")
	var ids []string // newest first
	for i := range 25 {
		r := record(t, func(r *bill.Record) {
			r.RequestedAt = start.Add(time.Duration(i) * time.Minute)
			if i%5 == 0 {
				r.Status = bill.Failed
			}
			if i == 24 {
				r.Line = other
			}
		})
		history.Append(t.Context(), r)
		ids = append([]string{r.RequestID}, ids...)
	}
	history.Append(t.Context(), record(t, func(r *bill.Record) { r.UserID = "testuser02" }))

	all := bill.Filter{UserID: "testuser01", Lines: []msisdn.Number{line, other}, Page: query.Page{Number: 1, Size: 10}}
	tests := map[string]struct {
		change func(*bill.Filter)
		want   []string
		total  int
	}{
		"first page":   {func(*bill.Filter) {}, ids[:10], 25},
		"last page":    {func(f *bill.Filter) { f.Page.Number = 3 }, ids[20:], 25},
		"beyond":       {func(f *bill.Filter) { f.Page.Number = 4 }, nil, 25},
		"one line":     {func(f *bill.Filter) { f.Lines = []msisdn.Number{other} }, ids[:1], 1},
		"failed":       {func(f *bill.Filter) { f.Status = bill.Failed }, []string{ids[4], ids[9], ids[14], ids[19], ids[24]}, 5},
		"from, until":  {func(f *bill.Filter) { f.From, f.Until = start.Add(time.Minute), start.Add(3*time.Minute) }, ids[22:24], 2},
		"unknown user": {func(f *bill.Filter) { f.UserID = "unknown" }, nil, 0},
		"not my lines": {func(f *bill.Filter) { f.Lines = nil }, nil, 0},
	}
	for name, tc := range tests {
		filter := all
		tc.change(&filter)
		page, err := history.List(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range page.Records {
			got = append(got, r.RequestID)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || page.Total != tc.total {
			t.Errorf("%s: total %d, %s", name, page.Total, diff)
		}
	}
}

func TestExchangesAreMasked(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, postgres.Migrations()).Pool
	log := exchange.NewLog(pool, slog.New(slog.DiscardHandler), groupcommit.NewMetrics(prometheus.NewRegistry()))
	log.Start()
	id := uuid.Must(uuid.NewV7()).String()
	log.Append(t.Context(), exchange.Exchange{
		ID: id, RequestID: id, Endpoint: "bill-inquiry", Line: line, ResultCode: "0000", Outcome: "ANSWERED",
		At: time.Now(), Took: 250 * time.Millisecond,
	})
	if err := log.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	var masked string
	var took int
	if err := pool.QueryRow(t.Context(), "SELECT line_masked, took_ms FROM kos_exchange WHERE exchange_id = $1", id).Scan(&masked, &took); err != nil {
		t.Fatal(err)
	}
	if masked != "010-****-5678" || took != 250 {
		t.Errorf("got %s, %d ms", masked, took)
	}
}

// TestPartitionsHaveTheIndex checks that a page of the history needs no sequential scan.
func TestPartitionsHaveTheIndex(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, postgres.Migrations()).Pool
	for _, table := range postgres.Partitioned {
		if err := table.Maintain(t.Context(), pool, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	var indexed int
	err := pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_indexes
		WHERE tablename LIKE 'inquiry_request_%' AND indexdef LIKE '%(user_id, requested_at DESC, request_id DESC)'`).Scan(&indexed)
	if want := 5; err != nil || indexed != want { // last month, this one, two ahead, default
		t.Errorf("%d partitions have the index, want %d; %v", indexed, want, err)
	}
}
