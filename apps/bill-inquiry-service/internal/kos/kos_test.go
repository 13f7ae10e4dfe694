package kos_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/kos"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/kos/exchange"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

const line = msisdn.Number("01012345678")

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, bill.Seoul)

// poster returns its answer and records the request.
type poster struct {
	answer kosclient.Answer
	err    error
	path   string
	sent   string
}

func (p *poster) Post(_ context.Context, path string, in any) (kosclient.Answer, error) {
	text, err := json.Marshal(in)
	p.path, p.sent = path, string(text)
	return p.answer, errors.Join(err, p.err)
}

func (*poster) Get(context.Context, string) (kosclient.Answer, error) {
	return kosclient.Answer{}, errors.New("inquiries are posted")
}

type exchanges []exchange.Exchange

func (e *exchanges) Append(_ context.Context, one exchange.Exchange) { *e = append(*e, one) }

// limit records the pause that a 429 asks for.
type limit struct{ pause time.Duration }

func (l *limit) Throttled(_ context.Context, retryAfter time.Duration) error {
	l.pause = retryAfter
	return nil
}

// carrier returns KOS behind a client.
func carrier(client exchange.Client, log *exchanges, bills, customers *limit) *kos.Carrier {
	now := func() time.Time { return noon }
	return kos.New(exchange.NewCaller(client, log, now, func() string { return "exchange" }),
		kos.Limits{bill.BillInquiry: bills, bill.ProductInquiry: customers}, now)
}

func setup(answer kosclient.Answer, err error) (*kos.Carrier, *poster, *exchanges) {
	p, e := &poster{answer: answer, err: err}, &exchanges{}
	return carrier(p, e, &limit{}, &limit{}), p, e
}

func TestThrottlingReachesTheLimit(t *testing.T) {
	t.Parallel()
	bills, customers := &limit{}, &limit{}
	c := carrier(&poster{err: kosclient.ErrBusy.After(7 * time.Second)}, &exchanges{}, bills, customers)
	if _, err := c.Bill(t.Context(), "request", line, "2026-10"); !errors.Is(err, bill.ErrThrottled) || !errors.Is(err, bill.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Customer(t.Context(), "request", line); !errors.Is(err, bill.ErrThrottled) {
		t.Errorf("got %v", err)
	}
	if bills.pause != 7*time.Second || customers.pause != 7*time.Second {
		t.Errorf("paused for %s and %s", bills.pause, customers.pause)
	}
}

func TestOpenBreakerIsReportedAsNotCalled(t *testing.T) {
	t.Parallel()
	for reason, notAsked := range map[sidecar.Reason]bool{
		sidecar.BreakerOpen: true, sidecar.Refused: true, sidecar.Timeout: false, sidecar.Unreachable: false,
	} {
		carrier, _, _ := setup(kosclient.Answer{}, kosclient.ErrUnavailable.WithCause(&sidecar.InvokeError{Reason: reason}))
		_, err := carrier.Bill(t.Context(), "request", line, "2026-10")
		if !errors.Is(err, bill.ErrUnavailable) || errors.Is(err, bill.ErrNotCalled) != notAsked {
			t.Errorf("%s: got %v", reason, err)
		}
	}
}

// answer is an answer of KOS. The component tests check its shape against
// kos-mock-service.
const answer = `{"lineNumber":"01012345678","billingMonth":"202610","final":true,
	"product":{"productCode":"5G-PREMIUM-001","productName":"5G 프리미엄","monthlyFee":89000},
	"customer":{"customerId":"CUST001","customerName":"김철수","operatorCode":"KT","lineStatus":"ACTIVE","contractDate":"2025-03-02"},
	"charges":{"monthlyFee":89000,"usageFee":1000,"discountAmount":22250,"totalFee":67750,"totalAmount":100750,
		"periods":[{"name":"5G 프리미엄","from":"20261001","to":"20261031","amount":89000}],"discounts":[{"name":"선택약정 할인","amount":22250}]},
	"usage":{"data":"12.3GB","voice":"124분","sms":"35건"},"billStatus":"BILLED","dueDate":"20261125",
	"contract":{"description":"24개월 약정","termEndDate":"2027-03-01"},"terminationFee":100000,"deviceInstallment":33000,
	"payment":{"billingDate":"20261101","paymentStatus":"PAID","paymentMethod":"신용카드"}}`

func TestBill(t *testing.T) {
	t.Parallel()
	carrier, sent, recorded := setup(kosclient.Answer{Success: true, ResultCode: kosclient.OK, Data: jsontext.Value(answer)}, nil)
	got, err := carrier.Bill(t.Context(), "request", line, "2026-10")
	if err != nil {
		t.Fatal(err)
	}
	want := bill.Bill{
		Line: line, Month: "2026-10", Final: true, AsOf: noon,
		Customer:    bill.Customer{ID: "CUST001", Name: "김철수", OperatorCode: "KT", LineStatus: "ACTIVE", ContractSince: "2025-03-02"},
		ProductCode: "5G-PREMIUM-001", ProductName: "5G 프리미엄",
		Charges: bill.Charges{Monthly: 89_000, Usage: 1_000, Discount: 22_250, Total: 67_750, Discounts: []bill.Discount{{Name: "선택약정 할인", Amount: 22_250}}, Periods: []bill.Charge{{Name: "5G 프리미엄", From: "20261001", To: "20261031", Amount: 89_000}}},
		Usage:   bill.Usage{Data: "12.3GB", Voice: "124분", SMS: "35건"},
		Status:  "BILLED", DueDate: "20261125", Contract: "24개월 약정", TerminationFee: 100_000, DeviceInstallment: 33_000,
		Payment: bill.Payment{BillingDate: "20261101", Status: "PAID", Method: "신용카드"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if sent.path != "/api/kos/bill-inquiry" || sent.sent != `{"lineNumber":"01012345678","billingMonth":"202610","requestId":"request"}` {
		t.Errorf("sent %s to %s", sent.sent, sent.path)
	}
	record := exchange.Exchange{ID: "exchange", RequestID: "request", Endpoint: "bill-inquiry", Line: line, ResultCode: "0000", Outcome: "ANSWERED", At: noon}
	if diff := cmp.Diff(exchanges{record}, *recorded); diff != "" {
		t.Errorf("exchange: %s", diff)
	}
}

func TestCustomer(t *testing.T) {
	t.Parallel()
	data := `{"lineNumber":"01012345678","customerId":"CUST001","customerName":"김철수","lineStatus":"ACTIVE","operatorCode":"KT","contract":{"contractDate":"2025-03-02"}}`
	carrier, _, _ := setup(kosclient.Answer{ResultCode: kosclient.OK, Data: jsontext.Value(data)}, nil)
	got, err := carrier.Customer(t.Context(), "request", line)
	if err != nil || got.ContractMonth() != "2025-03" || got.Name != "김철수" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	answerOf := func(code kosclient.ResultCode, data string) kosclient.Answer {
		return kosclient.Answer{ResultCode: code, Data: jsontext.Value(data)}
	}
	tests := map[string]struct {
		answer  kosclient.Answer
		err     error
		want    error
		outcome string
	}{
		"unknown line":       {answerOf("1001", "null"), nil, bill.ErrUnknownLine, "ANSWERED"},
		"not active":         {answerOf("1002", "null"), nil, bill.ErrSuspended, "ANSWERED"},
		"no bill":            {answerOf("1003", "null"), nil, bill.ErrNoBill, "ANSWERED"},
		"unknown code":       {answerOf("1999", "null"), nil, bill.ErrUnavailable, "ANSWERED"},
		"garbage":            {answerOf("0000", `"x"`), nil, bill.ErrUnavailable, "ANSWERED"},
		"another's bill":     {answerOf("0000", `{"lineNumber":"01087654321","billingMonth":"202610"}`), nil, bill.ErrUnavailable, "ANSWERED"},
		"away":               {kosclient.Answer{}, kosclient.ErrUnavailable, bill.ErrUnavailable, "UNAVAILABLE"},
		"busy":               {kosclient.Answer{}, kosclient.ErrBusy, bill.ErrThrottled, "BUSY"},
		"busy, as the cause": {kosclient.Answer{}, kosclient.ErrBusy, kosclient.ErrBusy, "BUSY"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			carrier, _, recorded := setup(tc.answer, tc.err)
			if _, err := carrier.Bill(t.Context(), "request", line, "2026-10"); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if len(*recorded) != 1 || (*recorded)[0].Outcome != tc.outcome {
				t.Errorf("recorded %+v", *recorded)
			}
		})
	}
}
