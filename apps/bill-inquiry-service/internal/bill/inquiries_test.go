package bill_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

func TestInquireRefusesWithoutCallingKOS(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		line  msisdn.Number
		month bill.Month
		want  error
	}{
		"another line": {"01087654321", "2026-11", bill.ErrLineNotAllowed},
		"future":       {line, "2026-12", bill.ErrMonthFuture},
		"too old":      {line, "2026-05", bill.ErrMonthTooOld},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, plenty, func(b *bench) {
				t := b.t
				if _, err := b.use.Inquire(t.Context(), caller, bill.Subject{Line: tc.line, Month: tc.month}, false); !errors.Is(err, tc.want) {
					t.Errorf("got %v, want %v", err, tc.want)
				}
				if b.carrier.calls.Load() != 0 || len(b.history.records) != 0 {
					t.Error("KOS was called, or a record written")
				}
			})
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
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, plenty, func(b *bench) {
				t := b.t
				b.carrier.billErr = tc.err
				got, err := b.inquire("") // no month: this one
				if !errors.Is(err, tc.err) {
					t.Fatalf("got error %v, want %v", err, tc.err)
				}
				if err == nil && got.Bill.Month != "2026-11" {
					t.Errorf("got the bill of %s", got.Bill.Month)
				}
				want := tc.want
				want.RequestID, want.UserID, want.Customer, want.Line, want.Month = "request-1", caller.UserID, holder.ID, line, "2026-11"
				want.RequestedAt, want.ProcessedAt = time.Now(), time.Now()
				if diff := cmp.Diff(want, b.history.records[len(b.history.records)-1]); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff([]bill.Status{bill.Processing, want.Status}, b.history.statuses()); diff != "" {
					t.Error(diff)
				}
				// The cached answer needs no queue.
				if again, err := b.inquire(""); !errors.Is(err, tc.err) || err == nil && again.Bill.AsOf != got.Bill.AsOf {
					t.Errorf("once more: %+v, %v", again, err)
				}
				if n := len(b.history.records); n != 3 || b.carrier.calls.Load() != 1 {
					t.Errorf("%d records, KOS was called %d times", n, b.carrier.calls.Load())
				}
			})
		})
	}
}

func TestFinalBillCostsOneCall(t *testing.T) {
	t.Parallel()
	onClock(t, plenty, func(b *bench) {
		t := b.t
		b.carrier.bill = past
		for range 3 {
			got, err := b.inquire("2026-10")
			if err != nil || got.Bill.Charges.Total != past.Charges.Total || got.Bill.Stale {
				t.Fatalf("got %+v, %v", got.Bill, err)
			}
			b.cache.clear()
		}
		if calls := b.carrier.calls.Load(); calls != 1 {
			t.Errorf("KOS was called %d times", calls)
		}
	})
}

func TestOutageIsAnsweredWithAStaleCopy(t *testing.T) {
	t.Parallel()
	archived := current
	archived.AsOf = noon.Add(-time.Hour)
	tests := map[string]struct {
		archived  []bill.Bill
		wantError error
		wantStale bool
	}{
		"never seen":      {nil, bill.ErrUnavailable, false},
		"seen this month": {[]bill.Bill{archived}, nil, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, plenty, func(b *bench) {
				t := b.t
				b.carrier.err = errOutage
				b.store(tc.archived...)
				start := time.Now()
				got, err := b.inquire("2026-11")
				if !errors.Is(err, tc.wantError) || got.Bill.Stale != tc.wantStale || time.Since(start) > time.Second {
					t.Errorf("got stale %v and %v after %s", got.Bill.Stale, err, time.Since(start))
				}
			})
		})
	}
}

func TestFaultOfOneStoreFailsNoInquiry(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(b *bench){
		"archive": func(b *bench) { b.archive.err = errBroken },
		"cache":   func(b *bench) { b.cache.off = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, plenty, func(b *bench) {
				trouble(b)
				if got, err := b.inquire("2026-11"); err != nil || got.Bill.Stale {
					b.t.Errorf("got %+v, %v", got, err)
				}
			})
		})
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	running := bill.Record{RequestID: "r", UserID: caller.UserID, Line: line, Month: "2026-11", Status: bill.Processing, RequestedAt: noon}
	done := running
	done.Status = bill.Completed
	tests := map[string]struct {
		record   bill.Record
		caller   bill.Caller
		after    time.Duration
		want     bill.Status
		wantBill bool
		wantErr  error
	}{
		"done":                 {done, caller, 0, bill.Completed, true, nil},
		"running":              {running, caller, 30 * time.Second, bill.Processing, false, nil},
		"abandoned":            {running, caller, 2 * time.Hour, bill.Failed, false, nil},
		"a stranger's":         {done, bill.Caller{UserID: "testuser02", Lines: caller.Lines}, 0, "", false, bill.ErrNoInquiry},
		"line of another user": {done, bill.Caller{UserID: caller.UserID}, 0, "", false, bill.ErrNoInquiry},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, plenty, func(b *bench) {
				t := b.t
				archived := current
				archived.AsOf = noon
				b.store(archived)
				bubble.Advance(tc.after)
				b.history.Append(t.Context(), tc.record)
				got, err := b.use.Result(t.Context(), tc.caller, "r")
				if !errors.Is(err, tc.wantErr) || got.Record.Status != tc.want || (got.Bill.Line != "") != tc.wantBill {
					t.Errorf("got %+v, %v", got, err)
				}
			})
		})
	}
}

func TestResultOfACompletedInquirySurvivesAnOutage(t *testing.T) {
	t.Parallel()
	onClock(t, plenty, func(b *bench) {
		t := b.t
		b.carrier.err = errOutage
		b.history.Append(t.Context(), bill.Record{RequestID: "r", UserID: caller.UserID, Line: line, Month: "2026-11", Status: bill.Completed})
		got, err := b.use.Result(t.Context(), caller, "r")
		if err != nil || got.Record.Status != bill.Completed || got.Bill.Line != "" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestHistoryShowsOnlyTheCallersLines(t *testing.T) {
	t.Parallel()
	onClock(t, plenty, func(b *bench) {
		t := b.t
		if _, err := b.use.History(t.Context(), caller, bill.Filter{Lines: []msisdn.Number{"01087654321"}}); !errors.Is(err, bill.ErrLineNotAllowed) {
			t.Errorf("another user's line: %v", err)
		}
		if _, err := b.use.History(t.Context(), caller, bill.Filter{UserID: "testuser02"}); err != nil {
			t.Fatal(err)
		}
		if b.history.filter.UserID != caller.UserID || !cmp.Equal(b.history.filter.Lines, caller.Lines) {
			t.Errorf("filter %+v", b.history.filter)
		}
	})
}

func TestMenu(t *testing.T) {
	t.Parallel()
	archived := current
	archived.AsOf, archived.Customer.ContractSince = noon.Add(-time.Hour), "2026-10-01"
	lastMonth := past
	lastMonth.Customer.ContractSince = "2026-08-01"
	since := bill.Customer{ID: holder.ID, ContractSince: "2026-09-15"}
	tests := map[string]struct {
		customer         bill.Customer
		err, customerErr error // of KOS, for the bill and for the customer
		archived         []bill.Bill
		want             int
		stale            bool
		calls            int32 // for customers
	}{
		"contract began in September":           {since, nil, nil, nil, 3, false, 0},
		"KOS is out":                            {since, errOutage, nil, nil, 6, true, 0},
		"KOS is out, with this month's bill":    {since, errOutage, nil, []bill.Bill{archived, lastMonth}, 2, true, 0},
		"KOS is out, with last month's bill":    {since, errOutage, nil, []bill.Bill{lastMonth}, 4, true, 0},
		"KOS refuses the bill":                  {since, bill.ErrNoBill, nil, nil, 3, false, 1},
		"KOS refuses the bill and the customer": {since, bill.ErrSuspended, bill.ErrSuspended, nil, 6, true, 1},
		"KOS does not know the line":            {since, bill.ErrUnknownLine, nil, nil, 6, false, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, plenty, func(b *bench) {
				t := b.t
				b.carrier.bill.Customer, b.carrier.customer = tc.customer, tc.customer
				b.carrier.billErr, b.carrier.customerErr = tc.err, tc.customerErr
				b.store(tc.archived...)
				start := time.Now()
				menu, err := b.use.Menu(t.Context(), caller)
				if err != nil || len(menu.Months) != tc.want || menu.Months[0] != "2026-11" || menu.Current != "2026-11" || menu.Stale != tc.stale {
					t.Errorf("got %+v, %v", menu, err)
				}
				if took := time.Since(start); took > time.Second {
					t.Errorf("it took %s", took)
				}
				if calls := b.carrier.customerCalls.Load(); calls != tc.calls {
					t.Errorf("KOS was asked %d times for the customer", calls)
				}
				if again, err := b.use.Menu(t.Context(), caller); err != nil || !cmp.Equal(again, menu) {
					t.Errorf("again: %+v, %v", again, err)
				}
			})
		})
	}
	onClock(t, plenty, func(b *bench) {
		if _, err := b.use.Menu(b.t.Context(), bill.Caller{UserID: "admin01"}); !errors.Is(err, bill.ErrLineNotAllowed) {
			b.t.Errorf("menu without a line: %v", err)
		}
	})
}

func TestPlanChangeInvalidatesTheOpenBillOnly(t *testing.T) {
	t.Parallel()
	onClock(t, plenty, func(b *bench) {
		t := b.t
		b.store(current, past)
		if err := b.lines.Changed(t.Context(), holder.ID, line); err != nil {
			t.Fatal(err)
		}
		b.carrier.err = errOutage
		if _, err := b.inquire("2026-11"); !errors.Is(err, bill.ErrUnavailable) {
			t.Errorf("the old plan's bill: %v", err)
		}
		if _, err := b.inquire("2026-10"); err != nil {
			t.Errorf("a past month's bill: %v", err)
		}
		b.archive.err = errBroken
		if err := b.lines.Changed(t.Context(), holder.ID, line); !errors.Is(err, errBroken) {
			t.Errorf("a fault of the archive: %v", err)
		}
	})
}
