package kos_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/cache"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/kos/kostest/hostile"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// personal are texts that neither a log nor an error may contain.
var personal = []string{line.Digits(), line.Masked(), "김철수", "CUST001", "5G 프리미엄", "01087654321"}

var (
	wrongDays    = []string{`"2026-02-30"`, `"20261101"`, `"2026-1-1"`, `"2026-10-01T00:00:00Z"`, `"내일"`}
	wrongCompact = []string{`"20260230"`, `"2026-11-25"`, `"2026112"`, `"00000000"`, `"202611251"`}
	wrongCodes   = []string{`"a b"`, `"한글"`, `"a/../b"`, `"<b>"`, `"a\tb"`}
	wrongIDs     = []string{`"CUST 001"`, `"김철수"`, `"CUST001||x"`, `"CUST/001"`, `"CUST001\r\nx"`}
)

var billEndpoint = hostile.Endpoint{
	Name: "bill-inquiry", Data: answer, Refusals: []kosclient.ResultCode{"1001", "1002", "1003"},
	Unread: []string{"product.monthlyFee", "contract.termEndDate"},
	Sums:   []string{"charges.monthlyFee", "charges.usageFee", "charges.discountAmount", "charges.totalFee", "charges.totalAmount", "charges.periods.0.amount", "charges.discounts.0.amount", "deviceInstallment"},
	Kinds: map[string]kosclient.Kind{
		"lineNumber": kosclient.Mismatch, "billingMonth": kosclient.Mismatch, "charges.periods": kosclient.Amount, "charges.discounts": kosclient.Amount,
		"charges.periods.0.from": kosclient.Amount, "charges.periods.0.to": kosclient.Amount,
	},
	Values: map[string][]string{
		"lineNumber":             {`"01087654321"`, `"010-1234-5678"`, `"01012345678 "`, `"821012345678"`},
		"billingMonth":           {`"202609"`, `"202611"`, `"2026-10"`, `"202510"`, `"000000"`},
		"customer.customerId":    wrongIDs,
		"customer.operatorCode":  wrongCodes,
		"customer.lineStatus":    wrongCodes,
		"customer.contractDate":  wrongDays,
		"product.productCode":    wrongCodes,
		"billStatus":             {`"PAID"`, `"billed"`},
		"dueDate":                wrongCompact,
		"payment.billingDate":    wrongCompact,
		"payment.paymentStatus":  wrongCodes,
		"charges.periods.0.from": append([]string{`"20261002"`, `"20260930"`}, wrongCompact...),
		"charges.periods.0.to":   append([]string{`"20261030"`, `"20261101"`, `"20260930"`}, wrongCompact...),
		"charges.periods":        {"[]", partsOfAMonth(1), partsOfAMonth(101)},
		"charges.discounts":      {"[]", parts(101)},
	},
}

// parts returns n discounts that add up to the sum in the answer.
func parts(n int) string {
	text := `[{"name":"할인","amount":22250}`
	for range n - 1 {
		text += `,{"name":"할인","amount":0}`
	}
	return text + "]"
}

// partsOfAMonth returns the period of the answer and n more for the last day.
func partsOfAMonth(n int) string {
	text := `[{"name":"5G","from":"20261001","to":"20261031","amount":89000}`
	for range n {
		text += `,{"name":"5G","from":"20261031","to":"20261031","amount":0}`
	}
	return text + "]"
}

var lineEndpoint = hostile.Endpoint{
	Name:     "product-inquiry",
	Data:     `{"lineNumber":"01012345678","customerId":"CUST001","customerName":"김철수","lineStatus":"ACTIVE","operatorCode":"KT","contract":{"contractDate":"2025-03-02"}}`,
	Refusals: []kosclient.ResultCode{"1001", "1002"},
	Kinds:    map[string]kosclient.Kind{"lineNumber": kosclient.Mismatch},
	Values: map[string][]string{
		"lineNumber": {`"01087654321"`, `"010-1234-5678"`}, "customerId": wrongIDs,
		"lineStatus": wrongCodes, "operatorCode": wrongCodes, "contract.contractDate": wrongDays,
	},
}

// store is an L2 that is always empty and counts writes.
type store struct{ written atomic.Int32 }

func (*store) Get(context.Context, string) (value []byte, etag string, err error) {
	return nil, "", sidecar.ErrNotFound
}

func (s *store) SetIf(context.Context, string, []byte, string, time.Duration) error {
	s.written.Add(1)
	return nil
}

// archive has one bill or none, and counts writes.
type archive struct {
	bill.Archive

	has    *bill.Bill
	stored atomic.Int32
}

func (a *archive) Find(context.Context, bill.Subscription, bill.Month) (bill.Bill, error) {
	if a.has == nil {
		return bill.Bill{}, bill.ErrNotArchived
	}
	return *a.has, nil
}

func (a *archive) Store(context.Context, bill.Bill) error {
	a.stored.Add(1)
	return nil
}

// open admits every call.
type open struct{}

func (open) Admit(context.Context) (bool, error) { return true, nil }

// world is a fetcher with its client of KOS, and a reader of what it stores.
type world struct {
	*bill.Fetcher
	reader *bill.Reader

	kos     *hostile.KOS
	store   *store
	archive *archive
	cache   *cache.Cache
}

func newWorld(t testing.TB, says hostile.Answer, has *bill.Bill) *world {
	t.Helper()
	w := &world{kos: hostile.New(says), store: &store{}, archive: &archive{has: has}}
	now := func() time.Time { return noon }
	w.cache = cache.New(w.store, sealtest.Keyring(t), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	w.reader = bill.NewReader(w.cache, w.archive, now, w.kos.Log)
	w.Fetcher = bill.NewFetcher(bill.FetcherParams{
		Cache: w.cache, Archive: w.archive, Reader: w.reader, Carrier: carrier(w.kos, &exchanges{}, &limit{}, &limit{}),
		Admission: open{}, Now: now, Log: w.kos.Log,
	})
	return w
}

// wantNothingStored fails the test if the caches or the archive have a value.
func (w *world) wantNothingStored(t *testing.T, month bill.Month) {
	t.Helper()
	if w.cache.Has(t.Context(), own, month) || w.store.written.Load() != 0 || w.archive.stored.Load() != 0 {
		t.Errorf("stored: in L1 %t, in L2 %d, in the archive %d", w.cache.Has(t.Context(), own, month), w.store.written.Load(), w.archive.stored.Load())
	}
}

func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	shown := problem.From(err)
	if shown.Kind != problem.Unavailable || shown.Code != "KOS_UNAVAILABLE" || shown.RetryAfter == 0 || !errors.Is(err, bill.ErrUnavailable) {
		t.Errorf("the client gets %v", shown)
	}
}

var own = bill.Subscription{Customer: "CUST001", Line: line}

const month bill.Month = "2026-10"

// fetch fetches the bill of the tests.
func (w *world) fetch(ctx context.Context) error {
	return w.Fetch(ctx, bill.Fetch{Subject: bill.Subject{Line: line, Month: month}, Customers: []string{own.Customer}, RequestID: "request"}).Err
}

func TestWrongBillsAreFaults(t *testing.T) {
	t.Parallel()
	for _, says := range billEndpoint.Answers() {
		t.Run(says.Name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, says, nil)
			err := w.fetch(t.Context())
			wantUnavailable(t, err)
			w.kos.WantFault(t, billEndpoint, err, personal...)
			w.wantNothingStored(t, month)
		})
	}
}

func TestWrongCustomersAreFaults(t *testing.T) {
	t.Parallel()
	for _, says := range lineEndpoint.Answers() {
		t.Run(says.Name, func(t *testing.T) {
			t.Parallel()
			k := hostile.New(says)
			_, err := carrier(k, &exchanges{}, &limit{}, &limit{}).Customer(t.Context(), "request", line)
			wantUnavailable(t, err)
			k.WantFault(t, lineEndpoint, err, personal...)
		})
	}
}

func TestStaleBillIsServedInPlaceOfAFaultyOne(t *testing.T) {
	t.Parallel()
	for _, says := range billEndpoint.Answers() {
		t.Run(says.Name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, says, &bill.Bill{Line: line, Month: month, Customer: bill.Customer{ID: own.Customer}, AsOf: noon.Add(-time.Hour)})
			wantUnavailable(t, w.fetch(t.Context()))
			got, err := w.reader.Find(t.Context(), bill.Query{Subscription: own, Month: month}, time.Time{})
			if err != nil || !got.Stale {
				t.Errorf("stale %t, %v", got.Stale, err)
			}
			w.kos.WantFault(t, billEndpoint, nil, personal...)
			w.wantNothingStored(t, month)
		})
	}
}

// TestCorrectAnswersAreStored shows that the other tests of the world prove something.
func TestCorrectAnswersAreStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, billEndpoint.Good(), nil)
	err := w.fetch(t.Context())
	if err != nil || w.store.written.Load() == 0 || w.archive.stored.Load() != 1 {
		t.Errorf("bill: %v, in L2 %d, in the archive %d", err, w.store.written.Load(), w.archive.stored.Load())
	}
	k := hostile.New(lineEndpoint.Good())
	if got, err := carrier(k, &exchanges{}, &limit{}, &limit{}).Customer(t.Context(), "request", line); err != nil || got.ID != own.Customer {
		t.Errorf("customer: %+v, %v", got, err)
	}
}

func TestRefusalNeedsNoData(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"null", "{}", `"x"`, "[]", answer} {
		for code, want := range map[kosclient.ResultCode]error{"1001": bill.ErrUnknownLine, "1002": bill.ErrSuspended, "1003": bill.ErrNoBill} {
			k := hostile.New(billEndpoint.Refusal(code, data))
			if _, err := carrier(k, &exchanges{}, &limit{}, &limit{}).Bill(t.Context(), "request", line, month); !errors.Is(err, want) {
				t.Errorf("%s with %s: %v", code, data, err)
			}
		}
	}
}
