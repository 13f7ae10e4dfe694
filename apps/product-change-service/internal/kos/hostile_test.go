package kos_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/kos/kostest/hostile"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/kos"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// personal has texts that no log and no error may contain.
var personal = []string{line.Digits(), line.Masked(), "김철수", "CUST001", "5G 프리미엄", "01087654321"}

var (
	wrongDays  = []string{`"2026-02-30"`, `"20261101"`, `"2026-1-1"`, `"2026-10-01T00:00:00Z"`}
	wrongCodes = []string{`"a b"`, `"한글"`, `"a/../b"`, `"<b>"`}
	wrongLines = []string{`"01087654321"`, `"010-1234-5678"`}
)

var refusedOrders = []kosclient.ResultCode{"2001", "2002", "2003", "2004", "2005", "2006", "2099"}

var (
	lineEndpoint = hostile.Endpoint{
		Name: kos.ProductInquiry, Data: lineData, Refusals: []kosclient.ResultCode{"1001"},
		Unread: []string{"operatorCode"}, Optional: []string{"contract.termEndDate"},
		Kinds: map[string]kosclient.Kind{"lineNumber": kosclient.Mismatch},
		Values: map[string][]string{
			"lineNumber": wrongLines, "customerId": {`"CUST 001"`, `"김철수"`, `"CUST001||x"`, `"CUST/001"`}, "lineStatus": wrongCodes,
			"product.productCode": wrongCodes, "product.operatorCode": wrongCodes, "contract.contractDate": wrongDays, "contract.termEndDate": wrongDays,
		},
	}
	plansEndpoint = hostile.Endpoint{
		Name: kos.Products, Data: plansData,
		Kinds: map[string]kosclient.Kind{"products": kosclient.Value},
		Values: map[string][]string{
			"products": {"[]", manyPlans(1001), manyPlans(2)}, "products.0.productCode": wrongCodes, "products.0.operatorCode": wrongCodes,
		},
	}
	orderEndpoint = hostile.Endpoint{
		Name: kos.ProductChange, Data: orderText, Refusals: refusedOrders,
		Unread: []string{"orderNumber", "previousProductCode", "product.productName", "product.monthlyFee", "effectiveDate", "processedAt"},
		Kinds: map[string]kosclient.Kind{
			"requestId": kosclient.Mismatch, "lineNumber": kosclient.Mismatch, "product.productCode": kosclient.Mismatch,
		},
		Values: map[string][]string{
			"requestId": {`"other"`, `"REQUEST"`}, "lineNumber": wrongLines, "product.productCode": {`"5G-PREMIUM-001"`}, "status": {`"LOST"`, `"applied"`},
		},
	}
	statusEndpoint = hostile.Endpoint{
		Name: kos.ChangeStatus, Data: `{"requestId":"request","found":true,"resultCode":"0000","resultMessage":"완료","order":` + orderText + `}`,
		Unread: []string{
			"resultMessage", "order.orderNumber", "order.previousProductCode", "order.product.productName", "order.product.monthlyFee",
			"order.effectiveDate", "order.processedAt",
		},
		Kinds: map[string]kosclient.Kind{
			"requestId": kosclient.Mismatch, "order.requestId": kosclient.Mismatch, "order.lineNumber": kosclient.Mismatch, "order.product.productCode": kosclient.Mismatch,
		},
		Values: map[string][]string{
			"requestId": {`"other"`}, "order.requestId": {`"other"`}, "order.lineNumber": wrongLines, "order.status": {`"LOST"`},
			"order.product.productCode": {`"5G-PREMIUM-001"`}, "resultCode": {`"00000"`, `"OKAY"`},
		},
	}
)

// manyPlans returns n equal plans.
func manyPlans(n int) string {
	list := strings.TrimSuffix(strings.TrimPrefix(plansData, `{"products":[`), `]}`)
	return "[" + list + strings.Repeat(","+list, n-1) + "]"
}

func hostileCarrier(k *hostile.KOS) *kos.Carrier {
	return kos.New(caller(k, &exchanges{}), kos.Budgets{Inquiry: budget{}, Products: budget{}, Status: budget{}, Change: budget{}},
		func() time.Time { return noon })
}

func TestFaultyAnswersToReadsAreUnavailable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		endpoint hostile.Endpoint
		ask      func(context.Context, *kos.Carrier) error
	}{
		{lineEndpoint, func(ctx context.Context, c *kos.Carrier) error {
			_, err := c.Subscriber(ctx, "new-id", line)
			return err
		}},
		{plansEndpoint, func(ctx context.Context, c *kos.Carrier) error { _, err := c.Catalogue(ctx, "new-id"); return err }},
	} {
		for _, says := range tc.endpoint.Answers() {
			t.Run(tc.endpoint.Name+" "+says.Name, func(t *testing.T) {
				t.Parallel()
				k := hostile.New(says)
				err := tc.ask(t.Context(), hostileCarrier(k))
				if shown := problem.From(err); shown.Code != "KOS_UNAVAILABLE" || shown.RetryAfter == 0 || !errors.Is(err, product.ErrUnavailable) {
					t.Errorf("the client gets %v", shown)
				}
				k.WantFault(t, tc.endpoint, err, personal...)
			})
		}
	}
}

// An order with a faulty answer is in doubt: neither done nor refused.
func TestFaultyAnswersToOrdersLeaveThemInDoubt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		endpoint hostile.Endpoint
		ask      func(context.Context, *kos.Carrier) (change.Result, bool, error)
	}{
		{orderEndpoint, func(ctx context.Context, c *kos.Carrier) (change.Result, bool, error) {
			got, err := c.Order(ctx, ordered)
			return got, false, err
		}},
		{statusEndpoint, func(ctx context.Context, c *kos.Carrier) (change.Result, bool, error) { return c.Inquire(ctx, ordered) }},
	} {
		for _, says := range tc.endpoint.Answers() {
			t.Run(tc.endpoint.Name+" "+says.Name, func(t *testing.T) {
				t.Parallel()
				k := hostile.New(says)
				got, found, err := tc.ask(t.Context(), hostileCarrier(k))
				if !errors.Is(err, change.ErrNoAnswer) || found || got != (change.Result{}) {
					t.Errorf("got %+v, found %t, %v", got, found, err)
				}
				k.WantFault(t, tc.endpoint, err, personal...)
			})
		}
	}
}

// Every refusal of the contract is a result, whatever its data, also as the outcome of an
// earlier order. No other code is.
func TestRefusalsOfOrders(t *testing.T) {
	t.Parallel()
	for _, code := range refusedOrders {
		for _, data := range []string{"null", "{}", `"x"`, orderText} {
			got, err := hostileCarrier(hostile.New(orderEndpoint.Refusal(code, data))).Order(t.Context(), ordered)
			if err != nil || got != (change.Result{Code: string(code), Message: "정상"}) {
				t.Errorf("%s with %s: %+v, %v", code, data, got, err)
			}
		}
	}
	for _, code := range []string{"2000", "2007", "2077", "2100", "1001", "9001", "9999"} {
		says := statusEndpoint
		says.Data = `{"requestId":"request","found":true,"resultCode":"` + code + `","resultMessage":"거절","order":null}`
		k := hostile.New(says.Good())
		if got, found, err := hostileCarrier(k).Inquire(t.Context(), ordered); found || !errors.Is(err, change.ErrNoAnswer) {
			t.Errorf("outcome %s: %+v, %t, %v", code, got, found, err)
		}
	}
}

// An unreadable message is not shown to customers, and is no fault of the answer.
func TestUnreadableMessagesAreReplaced(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "a\nb", "\u202eabc", strings.Repeat("가", 201)} {
		answer := said("2004", "null")
		answer.ResultMessage = text
		got, err := carrier(answer, nil, budget{}).Order(t.Context(), ordered)
		if err != nil || got.Code != "2004" || got.Message == text || !kosclient.Readable(got.Message) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}
