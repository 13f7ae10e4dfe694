package componenttest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type charges struct {
	MonthlyFee, UsageFee, DiscountAmount, TotalFee, TotalAmount int64
	Periods                                                     []period
}

type period struct {
	Name, From, To string
	Amount         int64
}

func TestAnswersRegisteredClients(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	token := kos.token("bill-inquiry-service")

	type bill struct {
		LineNumber, BillingMonth, BillStatus string
		Final                                bool
		Product                              struct{ ProductCode string }
		Customer                             struct{ CustomerID, ContractDate string }
		DeviceInstallment                    int64
		Charges                              charges
		Payment                              struct{ BillingDate, PaymentStatus string }
	}
	var past, again, open bill
	if code := kos.inquire(token, "010-1234-5678", "202512").kos(t, &past); code != "0000" {
		t.Fatalf("past month: %s", code)
	}
	want := bill{LineNumber: "01012345678", BillingMonth: "202512", BillStatus: "BILLED", Final: true}
	want.Product.ProductCode = "5G-PREMIUM-001"
	want.Customer.CustomerID, want.Customer.ContractDate = "CUST001", "2024-03-15"
	want.Payment.BillingDate, want.Payment.PaymentStatus = "20260101", "PAID"
	want.Charges, want.DeviceInstallment = past.Charges, past.DeviceInstallment
	if diff := cmp.Diff(want, past); diff != "" {
		t.Error(diff)
	}
	if c := past.Charges; c.MonthlyFee != 89_000 || c.TotalFee != c.MonthlyFee+c.UsageFee-c.DiscountAmount ||
		c.TotalAmount != c.TotalFee+past.DeviceInstallment {
		t.Errorf("charges %+v", c)
	}
	if diff := cmp.Diff([]period{{"5G 프리미엄", "20251201", "20251231", 89_000}}, past.Charges.Periods); diff != "" {
		t.Error(diff)
	}
	kos.clock.advance(100 * 24 * time.Hour) // the token expires as well
	token = kos.token("bill-inquiry-service")
	kos.inquire(token, "01012345678", "202512").kos(t, &again)
	if diff := cmp.Diff(past, again); diff != "" {
		t.Errorf("a final bill changed: %s", diff)
	}
	if code := kos.inquire(token, "01030000999", "202604").kos(t, &open); code != "0000" || open.Final || open.BillStatus != "OPEN" {
		t.Errorf("this month: %s %+v", code, open)
	}
	answersAboutProducts(t, kos, token)
}

func answersAboutProducts(t *testing.T, kos *service, token string) {
	t.Helper()
	var line struct {
		CustomerID, LineStatus string
		Product                struct{ ProductCode, DataAllowance, SMSAllowance string }
		Contract               struct{ TermEndDate *string }
	}
	got := kos.do(http.MethodPost, "/api/kos/product-inquiry", token, `{"lineNumber":"01099998888","requestId":"r"}`)
	if code := got.kos(t, &line); code != "0000" || line.CustomerID != "CUST004" || line.Contract.TermEndDate != nil ||
		line.Product.DataAllowance != "20GB" || line.Product.SMSAllowance != "기본 제공" {
		t.Errorf("product inquiry: %s", got.body)
	}
	got = kos.do(http.MethodPost, "/api/kos/product-inquiry", token, `{"lineNumber":"01000000000","requestId":"r"}`)
	if code := got.kos(t, &line); code != "0000" || line.LineStatus != "SUSPENDED" {
		t.Errorf("suspended line: %s", got.body)
	}
	var catalogue struct {
		Products []struct {
			ProductCode, OperatorCode string
			OnSale                    bool
		}
	}
	kos.do(http.MethodGet, "/api/kos/products", token, "").kos(t, &catalogue)
	sold := map[string]int{}
	for _, product := range catalogue.Products {
		sold[fmt.Sprint(product.OperatorCode, product.OnSale)]++
	}
	if diff := cmp.Diff(map[string]int{"KTtrue": 4, "KTfalse": 1, "LGUtrue": 3, "LGUfalse": 1}, sold); diff != "" {
		t.Error(diff)
	}
}

func TestRefusesAsKOSDoes(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	token := kos.token("bill-inquiry-service")
	for name, tc := range map[string]struct{ line, month, want string }{
		"unknown line":          {"01077770000", "202512", "1001"},
		"beyond the population": {"01030001000", "202512", "1001"},
		"suspended line":        {"01000000000", "202512", "1002"},
		"before the contract":   {"01012345678", "202402", "1003"},
		"future month":          {"01012345678", "202602", "1003"},
	} {
		got := kos.inquire(token, tc.line, tc.month)
		if code := got.kos(t, nil); code != tc.want || got.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

func TestInvalidInputIsNamed(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	token := kos.token("bill-inquiry-service")
	for name, tc := range map[string]struct{ path, body, want string }{
		"no JSON":              {"bill-inquiry", `{`, ""},
		"unknown field":        {"bill-inquiry", `{"line":"01012345678"}`, ""},
		"line":                 {"bill-inquiry", billInquiry("0101234567", "202512"), "lineNumber"},
		"month":                {"bill-inquiry", billInquiry("01012345678", "202513"), "billingMonth"},
		"month with a dash":    {"bill-inquiry", billInquiry("01012345678", "2025-12"), "billingMonth"},
		"no request id":        {"product-inquiry", `{"lineNumber":"01012345678"}`, "requestId"},
		"no client id":         {"auth", `{"clientSecret":"x"}`, "clientId"},
		"no client secret":     {"auth", `{"clientId":"x"}`, "clientSecret"},
		"credentials as array": {"auth", `[]`, ""},
		"too large":            {"auth", `{"clientId":"` + strings.Repeat("x", 70_000) + `"}`, ""},
	} {
		got := kos.do(http.MethodPost, "/api/kos/"+tc.path, token, tc.body)
		if code := got.kos(t, nil); got.status != http.StatusBadRequest || code != "9001" || !strings.Contains(string(got.body), tc.want) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

func TestClientsAreAuthenticatedByToken(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	token := kos.token("bill-inquiry-service")
	for name, bad := range map[string]string{
		"no token":     "",
		"no JWT":       "token",
		"forged":       token[:strings.LastIndex(token, ".")] + ".c2lnbmF0dXJl",
		"no signature": "eyJhbGciOiJub25lIn0." + strings.Split(token, ".")[1] + ".",
	} {
		got := kos.inquire(bad, "01012345678", "202512")
		if code := got.kos(t, nil); got.status != http.StatusUnauthorized || code != "9002" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	for _, credentials := range []string{
		`{"clientId":"bill-inquiry-service","clientSecret":"wrong"}`,
		`{"clientId":"unknown","clientSecret":"` + clientSecret + `"}`,
	} {
		got := kos.do(http.MethodPost, "/api/kos/auth", "", credentials)
		if code := got.kos(t, nil); got.status != http.StatusUnauthorized || code != "9002" {
			t.Errorf("%s: %d %s", credentials, got.status, got.body)
		}
	}
	kos.clock.advance(59 * time.Minute)
	if got := kos.inquire(token, "01012345678", "202512"); got.status != http.StatusOK {
		t.Errorf("token of 59 minutes: %d", got.status)
	}
	kos.clock.advance(time.Minute)
	if got := kos.inquire(token, "01012345678", "202512"); got.status != http.StatusUnauthorized {
		t.Errorf("token of an hour: %d", got.status)
	}
	if got := kos.settled(`{"client":"anonymous"}`); got.ByStatus["401"] != 7 || got.Total != 7 {
		t.Errorf("anonymous calls: %+v", got)
	}
}

func TestLimitsEachClient(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	mine, other := kos.token("bill-inquiry-service"), kos.token("auth-service")
	kos.setBillBehavior(`{"limitPerMinute":2}`)
	for _, want := range []int{200, 200, 429, 429} {
		if got := kos.inquire(mine, "01012345678", "202512"); got.status != want {
			t.Errorf("got %d, want %d", got.status, want)
		}
		kos.clock.advance(5 * time.Second)
	}
	limited := kos.inquire(mine, "01012345678", "202512") // at 20 s; the first call was at 0
	if code := limited.kos(t, nil); code != "9003" || limited.retryAfter != "40" {
		t.Errorf("Retry-After %q: %s", limited.retryAfter, limited.body)
	}
	if got := kos.inquire(other, "01012345678", "202512"); got.status != http.StatusOK {
		t.Errorf("another client: %d", got.status)
	}
	kos.clock.advance(40 * time.Second)
	if got := kos.inquire(mine, "01012345678", "202512"); got.status != http.StatusOK {
		t.Errorf("after Retry-After: %d", got.status)
	}
	want := counts{
		Total: 6, Limited: 3, BusiestMinute: 2, ByStatus: map[string]int64{"200": 3, "429": 3},
		ByResultCode: map[string]int64{"0000": 3, "9003": 3},
	}
	if diff := cmp.Diff(want, kos.settled(`{"endpoint":"bill-inquiry","client":"bill-inquiry-service"}`)); diff != "" {
		t.Error(diff)
	}
}
