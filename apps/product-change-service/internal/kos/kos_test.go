package kos_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/kos/exchange"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/kos"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

const line = msisdn.Number("01012345678")

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, product.Seoul)

// client answers with its fields and records requests.
type client struct {
	answer     kosclient.Answer
	err        error
	path, sent string
}

func (c *client) Post(_ context.Context, path string, in any) (kosclient.Answer, error) {
	text, err := json.Marshal(in)
	c.path, c.sent = path, string(text)
	return c.answer, errors.Join(err, c.err)
}

func (c *client) Get(_ context.Context, path string) (kosclient.Answer, error) {
	c.path = path
	return c.answer, c.err
}

type exchanges []exchange.Exchange

func (e *exchanges) Append(_ context.Context, x exchange.Exchange) { *e = append(*e, x) }

// caller returns a caller that uses c and appends to recorded.
func caller(c exchange.Client, recorded *exchanges) *exchange.Caller {
	return exchange.NewCaller(c, recorded, func() time.Time { return noon }, func() string { return "new-id" })
}

// budget returns its fields, and records 429 answers if the test reads them.
type budget struct {
	wait  time.Duration
	err   error
	heard *time.Duration
}

func (b budget) Await(context.Context, time.Duration) (time.Duration, error) { return b.wait, b.err }

func (b budget) Throttled(_ context.Context, retryAfter time.Duration) error {
	if b.heard != nil {
		*b.heard = retryAfter
	}
	return nil
}

// world is a carrier with fakes.
type world struct {
	*kos.Carrier
	client   *client
	recorded *exchanges
}

func carrier(answer kosclient.Answer, err error, limit budget) world {
	w := world{client: &client{answer: answer, err: err}, recorded: &exchanges{}}
	w.Carrier = kos.New(caller(w.client, w.recorded), kos.Budgets{Inquiry: limit, Products: limit, Status: limit, Change: limit},
		func() time.Time { return noon })
	return w
}

func said(code kosclient.ResultCode, data string) kosclient.Answer {
	return kosclient.Answer{Success: code == kosclient.OK, ResultCode: code, ResultMessage: "안내", Data: jsontext.Value(data)}
}

// The component tests check these shapes against kos-mock-service itself.
const (
	lineData = `{"lineNumber":"01012345678","customerId":"CUST001","customerName":"김철수","lineStatus":"ACTIVE","operatorCode":"KT",
		"product":{"productCode":"5G-PREMIUM-001","productName":"5G 프리미엄","monthlyFee":89000,"dataAllowance":"무제한","voiceAllowance":"무제한","smsAllowance":"무제한","operatorCode":"KT"},
		"contract":{"contractDate":"2025-03-02","termEndDate":"2027-03-01","earlyTerminationFee":100000}}`
	plansData = `{"products":[{"productCode":"3G-OLD-001","productName":"3G 올드","monthlyFee":29000,"dataAllowance":"5GB","voiceAllowance":"500분","smsAllowance":"100건","operatorCode":"KT","description":"신규 가입 중단","onSale":false}]}`
	orderText = `{"requestId":"request","lineNumber":"01012345678","orderNumber":"7","status":"APPLIED","previousProductCode":"5G-PREMIUM-001",
		"product":{"productCode":"LTE-BASIC-001","productName":"LTE 베이직","monthlyFee":39000},"effectiveDate":"2026-11-22","processedAt":"2026-11-22T03:00:00Z"}`
	scheduledText = `{"requestId":"request","lineNumber":"01012345678","status":"SCHEDULED","product":{"productCode":"LTE-BASIC-001"}}`
)

var ordered = change.Change{
	RequestID: "request", Line: line, CurrentCode: "5G-PREMIUM-001", Target: product.Product{Code: "LTE-BASIC-001"},
}

func TestSubscriber(t *testing.T) {
	t.Parallel()
	w := carrier(said("0000", lineData), nil, budget{})
	got, err := w.Subscriber(t.Context(), "new-id", line)
	want := product.Subscriber{
		Line: line, CustomerID: "CUST001", CustomerName: "김철수", LineStatus: product.Active, AsOf: noon,
		Product: product.Product{
			Code: "5G-PREMIUM-001", Name: "5G 프리미엄", MonthlyFee: 89_000,
			Data: "무제한", Voice: "무제한", SMS: "무제한", Operator: "KT",
		},
		Contract: product.Contract{Date: "2025-03-02", TermEnd: "2027-03-01", TerminationFee: 100_000},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if w.client.path != "/api/kos/product-inquiry" || w.client.sent != `{"lineNumber":"01012345678","requestId":"new-id"}` {
		t.Errorf("sent %s to %s", w.client.sent, w.client.path)
	}
	record := exchange.Exchange{ID: "new-id", RequestID: "new-id", Endpoint: "product-inquiry", Line: line, ResultCode: "0000", Outcome: "ANSWERED", At: noon}
	if diff := cmp.Diff(exchanges{record}, *w.recorded); diff != "" {
		t.Errorf("exchange: %s", diff)
	}
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	w := carrier(said("0000", plansData), nil, budget{})
	got, err := w.Catalogue(t.Context(), "new-id")
	want := product.Catalogue{AsOf: noon, Products: []product.Product{{
		Code: "3G-OLD-001", Name: "3G 올드", Description: "신규 가입 중단", MonthlyFee: 29_000,
		Data: "5GB", Voice: "500분", SMS: "100건", Operator: "KT",
	}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil || w.client.path != "/api/kos/products" {
		t.Errorf("%s, %v (-want +got):\n%s", w.client.path, err, diff)
	}
}

func TestFailedReads(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer kosclient.Answer
		err    error
		limit  budget
		want   error
		code   string // of the problem
		retry  time.Duration
	}{
		"unknown line":     {answer: said("1001", "null"), want: product.ErrUnknownLine, code: "LINE_NOT_FOUND"},
		"unknown code":     {answer: said("1999", "null"), want: product.ErrUnavailable, code: "KOS_UNAVAILABLE", retry: 10 * time.Second},
		"garbage":          {answer: said("0000", `"x"`), want: product.ErrUnavailable, code: "KOS_UNAVAILABLE", retry: 10 * time.Second},
		"nothing":          {answer: said("0000", `{}`), want: product.ErrUnavailable, code: "KOS_UNAVAILABLE", retry: 10 * time.Second},
		"away":             {err: kosclient.ErrUnavailable, want: product.ErrUnavailable, code: "KOS_UNAVAILABLE", retry: 10 * time.Second},
		"busy":             {err: kosclient.ErrBusy.After(7 * time.Second), want: product.ErrUnavailable, code: "KOS_BUSY", retry: 7 * time.Second},
		"limit is used up": {limit: budget{wait: 4 * time.Second}, want: product.ErrUnavailable, code: "KOS_BUSY", retry: 4 * time.Second},
		"limit is unknown": {limit: budget{err: errors.New("connection refused")}, want: product.ErrUnavailable, code: "DATABASE_UNAVAILABLE", retry: 2 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := carrier(test.answer, test.err, test.limit)
			err := w.Admit(t.Context())
			if err == nil {
				_, err = w.Subscriber(t.Context(), "new-id", line)
			}
			if shown := problem.From(err); !errors.Is(err, test.want) || shown.Code != test.code || shown.RetryAfter != test.retry {
				t.Errorf("line: %v after %s", err, shown.RetryAfter)
			}
			if name == "unknown line" || test.limit != (budget{}) {
				return
			}
			if _, err := w.Catalogue(t.Context(), "new-id"); !errors.Is(err, test.want) {
				t.Errorf("catalogue: %v", err)
			}
			if busy := errors.Is(test.err, kosclient.ErrBusy); errors.Is(err, product.ErrThrottled) != busy {
				t.Errorf("throttled is not %t: %v", busy, err)
			}
		})
	}
	t.Run("another line", func(t *testing.T) {
		t.Parallel()
		if _, err := carrier(said("0000", lineData), nil, budget{}).Subscriber(t.Context(), "new-id", "01087654321"); !errors.Is(err, product.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
}

func TestOrder(t *testing.T) {
	t.Parallel()
	w := carrier(said("0000", orderText), nil, budget{wait: time.Hour}) // the queue has admitted the order
	got, err := w.Order(t.Context(), ordered)
	if diff := cmp.Diff(change.Result{Code: change.OK, Message: "안내"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	const sent = `{"lineNumber":"01012345678","currentProductCode":"5G-PREMIUM-001","targetProductCode":"LTE-BASIC-001","requestId":"request"}`
	if w.client.path != "/api/kos/product-change" || w.client.sent != sent {
		t.Errorf("sent %s to %s", w.client.sent, w.client.path)
	}
	later := ordered
	later.Effective = "2026-12-24"
	w = carrier(said("0000", scheduledText), nil, budget{})
	if got, err := w.Order(t.Context(), later); err != nil || !got.Scheduled {
		t.Errorf("scheduled: %+v, %v", got, err)
	}
	const dated = `{"lineNumber":"01012345678","currentProductCode":"5G-PREMIUM-001","targetProductCode":"LTE-BASIC-001","effectiveDate":"2026-12-24","requestId":"request"}`
	if w.client.sent != dated {
		t.Errorf("sent %s", w.client.sent)
	}
}

func invoke(reason sidecar.Reason) error {
	return kosclient.ErrUnavailable.WithCause(&sidecar.InvokeError{App: "kos", Reason: reason, Cause: errors.New("as the sidecar says")})
}

// Both calls classify errors alike: those that all calls would meet, and those that leave
// the outcome open.
func TestFailuresOfOrders(t *testing.T) {
	t.Parallel()
	notCalled := func(reason change.Reason, after time.Duration) func(error) bool {
		return func(err error) bool {
			failed, ok := errors.AsType[*change.NotCalledError](err)
			return ok && failed.Reason == reason && failed.After == after
		}
	}
	noAnswer := func(err error) bool { return errors.Is(err, change.ErrNoAnswer) }
	tests := map[string]struct {
		err  error
		want func(error) bool
	}{
		"breaker open":       {invoke(sidecar.BreakerOpen), notCalled(change.KOSUnavailable, 0)},
		"not allowed":        {invoke(sidecar.Refused), notCalled(change.KOSUnavailable, 0)},
		"timeout":            {invoke(sidecar.Timeout), noAnswer},
		"cut off":            {invoke(sidecar.Unreachable), noAnswer},
		"a fault of KOS":     {kosclient.ErrUnavailable.WithCause(errors.New("kos: status 500")), noAnswer},
		"KOS is busy":        {kosclient.ErrBusy.After(9 * time.Second), notCalled(change.KOSBusy, 9*time.Second)},
		"we are interrupted": {context.Canceled, noAnswer},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := carrier(kosclient.Answer{}, test.err, budget{})
			if _, err := w.Order(t.Context(), ordered); !test.want(err) {
				t.Errorf("order: %v", err)
			}
			if _, found, err := w.Inquire(t.Context(), ordered); found || !test.want(err) {
				t.Errorf("status: %t, %v", found, err)
			}
		})
	}
}

func TestAnswersToOrders(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer kosclient.Answer
		want   change.Result
		err    error
	}{
		"refused":                {said("2004", "null"), change.Result{Code: "2004", Message: "안내"}, nil},
		"refused in a new way":   {said("2077", "null"), change.Result{}, change.ErrNoAnswer},
		"garbage":                {said("0000", `"x"`), change.Result{}, change.ErrNoAnswer},
		"nothing":                {said("0000", `null`), change.Result{}, change.ErrNoAnswer},
		"another's order":        {said("0000", `{"requestId":"other","lineNumber":"01012345678","status":"APPLIED","product":{"productCode":"LTE-BASIC-001"}}`), change.Result{}, change.ErrNoAnswer},
		"another plan":           {said("0000", `{"requestId":"request","lineNumber":"01012345678","status":"APPLIED","product":{"productCode":"X"}}`), change.Result{}, change.ErrNoAnswer},
		"neither done nor to be": {said("0000", `{"requestId":"request","lineNumber":"01012345678","status":"LOST","product":{"productCode":"LTE-BASIC-001"}}`), change.Result{}, change.ErrNoAnswer},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := carrier(test.answer, nil, budget{}).Order(t.Context(), ordered)
			if got != test.want || !errors.Is(err, test.err) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestInquire(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		data  string
		code  kosclient.ResultCode
		found bool
		want  change.Result
		err   error
	}{
		"done":          {`{"requestId":"request","found":true,"resultCode":"0000","resultMessage":"완료","order":` + orderText + `}`, "0000", true, change.Result{Code: change.OK, Message: "완료"}, nil},
		"scheduled":     {`{"requestId":"request","found":true,"resultCode":"0000","resultMessage":"예약","order":` + scheduledText + `}`, "0000", true, change.Result{Code: change.OK, Message: "예약", Scheduled: true}, nil},
		"refused":       {`{"requestId":"request","found":true,"resultCode":"2006","resultMessage":"다름","order":null}`, "0000", true, change.Result{Code: "2006", Message: "다름"}, nil},
		"never arrived": {`{"requestId":"request","found":false,"resultCode":null,"resultMessage":null,"order":null}`, "0000", false, change.Result{}, nil},
		"another's":     {`{"requestId":"other","found":false}`, "0000", false, change.Result{}, change.ErrNoAnswer},
		"without code":  {`{"requestId":"request","found":true}`, "0000", false, change.Result{}, change.ErrNoAnswer},
		"without order": {`{"requestId":"request","found":true,"resultCode":"0000"}`, "0000", false, change.Result{}, change.ErrNoAnswer},
		"unknown code":  {`null`, "9999", false, change.Result{}, change.ErrNoAnswer},
		"garbage":       {`7`, "0000", false, change.Result{}, change.ErrNoAnswer},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := carrier(said(test.code, test.data), nil, budget{})
			got, found, err := w.Inquire(t.Context(), ordered)
			if got != test.want || found != test.found || !errors.Is(err, test.err) {
				t.Errorf("got %+v, %t, %v", got, found, err)
			}
			if w.client.path != "/api/kos/product-change-status" || w.client.sent != `{"requestId":"request"}` {
				t.Errorf("sent %s to %s", w.client.sent, w.client.path)
			}
		})
	}
	t.Run("limit used up", func(t *testing.T) {
		t.Parallel()
		w := carrier(kosclient.Answer{}, nil, budget{wait: time.Second})
		_, _, err := w.Inquire(t.Context(), ordered)
		if failed, ok := errors.AsType[*change.NotCalledError](err); !ok || failed.Reason != change.Limit || len(*w.recorded) != 0 {
			t.Errorf("got %v and called KOS %d times", err, len(*w.recorded))
		}
	})
}

func TestThrottlingIsRecordedInEveryBudget(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(context.Context, *kos.Carrier) error{
		"line": func(ctx context.Context, c *kos.Carrier) error {
			_, err := c.Subscriber(ctx, "new-id", line)
			return err
		},
		"plans": func(ctx context.Context, c *kos.Carrier) error { _, err := c.Catalogue(ctx, "new-id"); return err },
		"order": func(ctx context.Context, c *kos.Carrier) error { _, err := c.Order(ctx, change.Change{}); return err },
		"outcome": func(ctx context.Context, c *kos.Carrier) error {
			_, _, err := c.Inquire(ctx, change.Change{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var heard time.Duration
			w := carrier(kosclient.Answer{}, kosclient.ErrBusy.After(7*time.Second), budget{heard: &heard})
			if err := ask(t.Context(), w.Carrier); err == nil {
				t.Errorf("got %v", err)
			}
			if heard != 7*time.Second {
				t.Errorf("recorded %s", heard)
			}
		})
	}
}
