package bill_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

func TestInquireRefusesWithoutAskingAnybody(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		line  msisdn.Number
		month bill.Month
		want  error
	}{
		"another line": {"01087654321", "2026-11", bill.ErrNotYourLine},
		"future":       {line, "2026-12", bill.ErrMonthFuture},
		"too old":      {line, "2026-05", bill.ErrMonthTooOld},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(always(noon))
			if _, err := b.use.Inquire(t.Context(), asker, bill.Subject{Line: tc.line, Month: tc.month}, false); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if b.carrier.calls.Load() != 0 || len(b.history.records) != 0 {
				t.Error("KOS was asked, or the history told")
			}
		})
	}
}

func TestInquireRecordsTheOutcome(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err  error
		want bill.Record
	}{
		"bill":    {nil, bill.Record{Status: bill.Completed, ResultCode: "0000", Summary: "2026-11 청구 금액 53,900원"}},
		"no bill": {bill.ErrNoBill, bill.Record{Status: bill.Failed, ResultCode: "BILL_NOT_FOUND", Summary: bill.ErrNoBill.Message}},
		"fault":   {errBroken, bill.Record{Status: bill.Failed, ResultCode: "INTERNAL_ERROR", Summary: "일시적인 오류가 발생했습니다. 잠시 후 다시 시도해 주세요."}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(always(noon))
			b.carrier.err = tc.err
			got, err := b.use.Inquire(t.Context(), asker, bill.Subject{Line: line, Month: ""}, false) // no month: this one
			if !errors.Is(err, tc.err) {
				t.Fatalf("got error %v, want %v", err, tc.err)
			}
			if err == nil && got.Bill.Month != "2026-11" {
				t.Errorf("got the bill of %s", got.Bill.Month)
			}
			want := tc.want
			want.RequestID, want.UserID, want.Customer, want.Line, want.Month = "request-1", asker.UserID, holder.ID, line, "2026-11"
			want.RequestedAt, want.ProcessedAt = noon, noon
			if diff := cmp.Diff([]bill.Record{want}, b.history.records); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFinalBillIsAskedForOnce(t *testing.T) {
	t.Parallel()
	b := setup(always(noon))
	b.carrier.bill = past
	for range 3 {
		got, err := b.use.Inquire(t.Context(), asker, bill.Subject{Line: line, Month: "2026-10"}, false)
		if err != nil || got.Bill.Charges.Total != past.Charges.Total || got.Bill.Stale {
			t.Fatalf("got %+v, %v", got.Bill, err)
		}
	}
	if calls := b.carrier.calls.Load(); calls != 1 {
		t.Errorf("KOS was asked %d times", calls)
	}
}

func TestOutageIsAnsweredWithWhatKOSSaidLast(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		kept      *bill.Bill
		wantError error
		wantStale bool
	}{
		"never seen":      {nil, bill.ErrUnavailable, false},
		"seen this month": {&current, nil, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(always(noon))
			b.carrier.err = errOutage
			if tc.kept != nil {
				_ = b.archive.Keep(t.Context(), *tc.kept)
			}
			got, err := b.use.Inquire(t.Context(), asker, bill.Subject{Line: line, Month: "2026-11"}, false)
			if !errors.Is(err, tc.wantError) || got.Bill.Stale != tc.wantStale {
				t.Errorf("got stale %v and %v", got.Bill.Stale, err)
			}
		})
	}
}

func TestBrokenArchiveFailsNobody(t *testing.T) {
	t.Parallel()
	b := setup(always(noon))
	b.archive.err = errBroken
	if _, err := b.use.Inquire(t.Context(), asker, bill.Subject{Line: line, Month: "2026-11"}, false); err != nil {
		t.Error(err)
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	running := bill.Record{RequestID: "r", UserID: asker.UserID, Line: line, Month: "2026-11", Status: bill.Processing, RequestedAt: noon}
	done := running
	done.Status = bill.Completed
	tests := map[string]struct {
		record   bill.Record
		asker    bill.Asker
		at       time.Time
		want     bill.Status
		wantBill bool
		wantErr  error
	}{
		"done":            {done, asker, noon, bill.Completed, true, nil},
		"running":         {running, asker, noon.Add(30 * time.Second), bill.Processing, false, nil},
		"abandoned":       {running, asker, noon.Add(2 * time.Hour), bill.Failed, false, nil},
		"a stranger's":    {done, bill.Asker{UserID: "testuser02", Lines: asker.Lines}, noon, "", false, bill.ErrNoInquiry},
		"line given away": {done, bill.Asker{UserID: asker.UserID}, noon, "", false, bill.ErrNoInquiry},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(always(tc.at))
			b.history.Append(t.Context(), tc.record)
			got, err := b.use.Result(t.Context(), tc.asker, "r")
			if !errors.Is(err, tc.wantErr) || got.Record.Status != tc.want || (got.Bill.Line != "") != tc.wantBill {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestResultOfACompletedInquirySurvivesAnOutage(t *testing.T) {
	t.Parallel()
	b := setup(always(noon))
	b.carrier.err = errOutage
	b.history.Append(t.Context(), bill.Record{RequestID: "r", UserID: asker.UserID, Line: line, Month: "2026-11", Status: bill.Completed})
	got, err := b.use.Result(t.Context(), asker, "r")
	if err != nil || got.Record.Status != bill.Completed || got.Bill.Line != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestHistoryShowsOnlyTheAskersLines(t *testing.T) {
	t.Parallel()
	b := setup(always(noon))
	if _, err := b.use.History(t.Context(), asker, bill.Filter{Lines: []msisdn.Number{"01087654321"}}); !errors.Is(err, bill.ErrNotYourLine) {
		t.Errorf("somebody else's line: %v", err)
	}
	if _, err := b.use.History(t.Context(), asker, bill.Filter{UserID: "testuser02"}); err != nil {
		t.Fatal(err)
	}
	if b.history.asked.UserID != asker.UserID || !cmp.Equal(b.history.asked.Lines, asker.Lines) {
		t.Errorf("asked for %+v", b.history.asked)
	}
}

func TestMenu(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		customer bill.Customer
		err      error
		want     int
	}{
		"contract began in September": {bill.Customer{ID: holder.ID, ContractSince: "2026-09-15"}, nil, 3},
		"KOS is away":                 {bill.Customer{}, errOutage, 6},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(always(noon))
			b.carrier.customer, b.carrier.err = tc.customer, tc.err
			menu, err := b.use.Menu(t.Context(), asker)
			if err != nil || len(menu.Months) != tc.want || menu.Months[0] != "2026-11" || menu.Current != "2026-11" {
				t.Errorf("got %+v, %v", menu, err)
			}
		})
	}
	if _, err := setup(always(noon)).use.Menu(t.Context(), bill.Asker{UserID: "admin01"}); !errors.Is(err, bill.ErrNotYourLine) {
		t.Errorf("menu without a line: %v", err)
	}
}

func TestAChangedLineLosesItsOpenBillOnly(t *testing.T) {
	t.Parallel()
	b := setup(always(noon))
	for _, kept := range []bill.Bill{current, past} {
		if err := b.archive.Keep(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.bills.Changed(t.Context(), holder.ID, line); err != nil {
		t.Fatal(err)
	}
	b.carrier.err = errOutage
	if _, err := b.use.Inquire(t.Context(), asker, bill.Subject{Line: line, Month: "2026-11"}, false); !errors.Is(err, bill.ErrUnavailable) {
		t.Errorf("the old plan's bill: %v", err)
	}
	if _, err := b.use.Inquire(t.Context(), asker, bill.Subject{Line: line, Month: "2026-10"}, false); err != nil {
		t.Errorf("a past month's bill: %v", err)
	}
	b.archive.err = errBroken
	if err := b.bills.Changed(t.Context(), holder.ID, line); !errors.Is(err, errBroken) {
		t.Errorf("an archive that does not forget: %v", err)
	}
}
