package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/authtest"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/query"
	"github.com/phonebill/phonebill/apps/internal/session"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

const wish = `{"lineNumber":"010-1234-5678","currentProductCode":"5G-PREMIUM-001","targetProductCode":"LTE-BASIC-001"}`

func TestFinalChange(t *testing.T) {
	t.Parallel()
	failed := completed()
	failed.Status, failed.ResultCode, failed.ResultMessage = change.Failed, "2004", "판매가 종료된 상품입니다."
	for _, final := range []change.Change{completed(), failed} {
		use := &requests{answer: final}
		got := setup(t, use, goodPlans()).do("POST", "/api/v1/products/change", wish)
		plan, changed := got.data["changedProduct"].(map[string]any)
		if got.status != http.StatusOK || got.data["processStatus"] != string(final.Status) || got.data["resultCode"] != final.ResultCode ||
			changed != (final.Status == change.Completed) || changed && plan["productName"] != basic.Name ||
			got.data["processedAt"] != "2026-11-22T12:00:01+09:00" {
			t.Errorf("%s: %+v", final.Status, got)
		}
		if want := (change.Order{Line: line, Current: premium.Code, Target: basic.Code}); use.order != want || use.async || use.key.Text != "" {
			t.Errorf("submitted %+v", use)
		}
	}
}

func TestChangeInProgress(t *testing.T) {
	t.Parallel()
	got := setup(t, &requests{answer: running()}, goodPlans()).do("POST", "/api/v1/products/change", wish)
	if got.status != http.StatusAccepted || got.header.Get("Location") != "/api/v1/products/change/"+requestID ||
		got.header.Get("Preference-Applied") != "" || got.data["waitReason"] != "KOS_UNAVAILABLE" || got.data["resultMessage"] == "" {
		t.Errorf("got %+v", got)
	}
}

func TestPrefer(t *testing.T) {
	t.Parallel()
	for header, async := range map[string]bool{
		"respond-async": true, "return=minimal, respond-async; wait=5": true, "Respond-Async": true,
		"": false, "wait=5": false, "respond-asynchronously": false,
	} {
		use := &requests{answer: completed()}
		c := setup(t, use, goodPlans())
		c.header.Set("Prefer", header)
		got := c.do("POST", "/api/v1/products/change", wish)
		if use.async != async || (got.status == http.StatusAccepted) != async || (got.header.Get("Preference-Applied") == "respond-async") != async {
			t.Errorf("%q: asked %t, got %+v", header, use.async, got)
		}
	}
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	use := &requests{answer: completed()}
	c := setup(t, use, goodPlans())
	c.header.Set("Idempotency-Key", "key-1")
	c.do("POST", "/api/v1/products/change", wish)
	if use.key.Text != "key-1" {
		t.Errorf("key %q", use.key.Text)
	}
	written := use.order
	c.do("POST", "/api/v1/products/change", strings.ReplaceAll(wish, "-1234-", "1234"))
	if use.order != written {
		t.Errorf("dashes make another order: %+v", use.order)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	dated := func(day string) string { return strings.ReplaceAll(wish, "}", `,"changeEffectiveDate":"`+day+`"}`) }
	tests := map[string]struct {
		method, path, body, key string
		field, code             string
	}{
		"nothing":          {"POST", "/change", `{}`, "", "targetProductCode", "VALIDATION_ERROR"},
		"bad line":         {"POST", "/change", strings.ReplaceAll(wish, "010-1234-5678", "02-123-4567"), "", "lineNumber", "VALIDATION_ERROR"},
		"bad code":         {"POST", "/change", strings.ReplaceAll(wish, "LTE-BASIC-001", "a b"), "", "targetProductCode", "VALIDATION_ERROR"},
		"bad day":          {"POST", "/change", dated("2026-02-30"), "", "changeEffectiveDate", "VALIDATION_ERROR"},
		"day in full":      {"POST", "/change", dated("2026-12-24T00:00:00Z"), "", "changeEffectiveDate", "VALIDATION_ERROR"},
		"bad key":          {"POST", "/change", wish, "한글", "Idempotency-Key", "VALIDATION_ERROR"},
		"long key":         {"POST", "/change", wish, strings.Repeat("k", 256), "Idempotency-Key", "VALIDATION_ERROR"},
		"unknown field":    {"POST", "/change", `{"lineNumber":"01012345678","plan":"X"}`, "", "plan", "VALIDATION_ERROR"},
		"not JSON":         {"POST", "/change", `{"lineNumber":`, "", "", "MALFORMED_JSON"},
		"validation":       {"POST", "/change/validation", `{"lineNumber":"1"}`, "", "lineNumber", "VALIDATION_ERROR"},
		"validation's day": {"POST", "/change/validation", dated("2026-12-24"), "", "changeEffectiveDate", "VALIDATION_ERROR"},
		"customer":         {"GET", "/customer?lineNumber=1", "", "", "lineNumber", "VALIDATION_ERROR"},
		"customer in path": {"GET", "/customer/1", "", "", "lineNumber", "VALIDATION_ERROR"},
		"page 0":           {"GET", "/history?page=0", "", "", "page", "VALIDATION_ERROR"},
		"size 101":         {"GET", "/history?size=101", "", "", "size", "VALIDATION_ERROR"},
		"too deep":         {"GET", "/history?page=1000&size=100", "", "", "page", "VALIDATION_ERROR"},
		"no day":           {"GET", "/history?startDate=2026-02-30", "", "", "startDate", "VALIDATION_ERROR"},
		"days reversed":    {"GET", "/history?startDate=2026-11-02&endDate=2026-11-01", "", "", "startDate", "VALIDATION_ERROR"},
		"unknown status":   {"GET", "/history?status=DONE", "", "", "status", "VALIDATION_ERROR"},
		"no line filter":   {"GET", "/history?lineNumber=1", "", "", "lineNumber", "VALIDATION_ERROR"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := setup(t, &requests{answer: completed()}, goodPlans())
			if test.key != "" {
				c.header.Set("Idempotency-Key", test.key)
			}
			got := c.do(test.method, "/api/v1/products"+test.path, test.body)
			fields, _ := got.fail["fieldErrors"].(map[string]any)
			if got.status != http.StatusBadRequest || got.code != test.code || test.field != "" && fields[test.field] == nil {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err    error
		status int
	}{
		{product.ErrNotYourLine, 403},
		{product.ErrUnknownLine, 404},
		{change.ErrInvalid, 409},
		{change.ErrSuspended, 409},
		{change.ErrInProgress, 409},
		{change.ErrKeyReused, 422},
		{change.ErrPastDay, 400},
		{fmt.Errorf("accept change: %w", change.ErrInProgress), 409},
	} {
		if got := setup(t, &requests{err: test.err}, goodPlans()).do("POST", "/api/v1/products/change", wish); got.status != test.status {
			t.Errorf("%v: %+v", test.err, got)
		}
	}
}

func TestAccess(t *testing.T) {
	t.Parallel()
	type call struct{ method, path, body string }
	calls := []call{
		{"GET", "/menu", ""}, {"GET", "/customer", ""}, {"GET", "/customer/01012345678", ""}, {"GET", "/available", ""},
		{"POST", "/change/validation", wish}, {"POST", "/change", wish}, {"GET", "/change/" + requestID, ""}, {"GET", "/history", ""},
	}
	owner := jwtauth.Principal{UserID: "testuser01", Lines: []string{line.Digits()}, Permissions: []string{product.Permission}, SessionID: "s1"}
	without := owner
	without.Permissions = []string{"BILL_INQUIRY"}
	live := authtest.LiveSessions{"s1": session.Record{UserID: owner.UserID, Lines: owner.Lines, Permissions: owner.Permissions}}
	revoked := authtest.LiveSessions{"s1": session.Record{UserID: owner.UserID, Lines: owner.Lines, Permissions: without.Permissions}}
	tests := map[string]struct {
		principal jwtauth.Principal
		sessions  jwtauth.Sessions
		anonymous bool
		want      func(c call) int
	}{
		"the owner":        {owner, live, false, func(call) int { return http.StatusOK }},
		"no user":          {owner, live, true, func(call) int { return http.StatusUnauthorized }},
		"logged out":       {owner, authtest.LiveSessions{}, false, func(call) int { return http.StatusUnauthorized }},
		"no permission":    {without, revoked, false, func(call) int { return http.StatusForbidden }},
		"revoked just now": {owner, revoked, false, func(call) int { return http.StatusForbidden }},
		"session store is away": {owner, degraded{}, false, func(c call) int {
			if c.path == "/change" { // the only write
				return http.StatusServiceUnavailable
			}
			return http.StatusOK
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := setupWith(t, &requests{answer: completed()}, goodPlans(), test.principal, test.sessions)
			if test.anonymous {
				c.token = ""
			}
			for _, call := range calls {
				if got := c.do(call.method, "/api/v1/products"+call.path, call.body); got.status != test.want(call) {
					t.Errorf("%s: %+v", call.path, got)
				}
			}
		})
	}
}

func TestAnotherUsersLine(t *testing.T) {
	t.Parallel()
	for _, call := range [][3]string{
		{"GET", "/customer?lineNumber=01087654321", ""}, {"GET", "/customer/010-8765-4321", ""},
		{"POST", "/change/validation", strings.ReplaceAll(wish, "1234-5678", "8765-4321")},
	} {
		know := goodPlans()
		got := setup(t, &requests{}, know).do(call[0], "/api/v1/products"+call[1], call[2])
		if got.status != http.StatusForbidden || got.code != "LINE_NOT_ALLOWED" || know.line != "" {
			t.Errorf("%s: %+v", call[1], got)
		}
	}
}

func TestCustomer(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/customer", "/customer?lineNumber=010-1234-5678", "/customer/01012345678", "/customer/010-1234-5678"} {
		know := goodPlans()
		know.subscriber.Stale = true
		got := setup(t, &requests{}, know).do("GET", "/api/v1/products"+path, "")
		want := map[string]any{
			"customerId": "CUST001", "lineNumber": "01012345678", "customerName": "김철수", "lineStatus": "ACTIVE",
			"currentProduct": map[string]any{
				"productCode": "5G-PREMIUM-001", "productName": "5G 프리미엄", "monthlyFee": 89_000.0, "dataAllowance": "무제한",
				"voiceAllowance": "무제한", "smsAllowance": "무제한", "operatorCode": "KT",
			},
			"contractInfo": map[string]any{"contractDate": "2025-03-02", "termEndDate": nil, "earlyTerminationFee": 100_000.0},
			"asOf":         "2026-11-22T12:00:00+09:00", "stale": true,
		}
		if diff := cmp.Diff(want, got.data); diff != "" || know.line != line {
			t.Errorf("%s of %s (-want +got):\n%s", path, know.line, diff)
		}
	}
}

func TestMenu(t *testing.T) {
	t.Parallel()
	got := setup(t, &requests{}, goodPlans()).do("GET", "/api/v1/products/menu", "")
	items, _ := got.data["menuItems"].([]any)
	if got.data["customerId"] != "CUST001" || len(items) == 0 || got.data["stale"] != false {
		t.Errorf("got %+v", got)
	}
	before := goodPlans()
	before.subscriber.Stale = true
	got = setup(t, &requests{}, before).do("GET", "/api/v1/products/menu", "")
	if got.data["stale"] != true || got.data["asOf"] != noon.Format(time.RFC3339) {
		t.Errorf("while KOS is away: %+v", got)
	}
}

func TestAvailable(t *testing.T) {
	t.Parallel()
	got := setup(t, &requests{}, goodPlans()).do("GET", "/api/v1/products/available", "")
	products, _ := got.data["products"].([]any)
	if len(products) != 1 || got.data["totalCount"] != 1.0 || got.data["stale"] != true {
		t.Fatalf("got %+v", got)
	}
	if offer := products[0].(map[string]any); offer["productCode"] != basic.Code || offer["description"] != "실속형" || offer["isAvailable"] != true {
		t.Errorf("got %v", offer)
	}
}

func TestValidation(t *testing.T) {
	t.Parallel()
	know := goodPlans()
	if got := setup(t, &requests{}, know).do("POST", "/api/v1/products/change/validation", wish); got.data["validationResult"] != "SUCCESS" || got.data["failureReason"] != nil {
		t.Errorf("got %+v", got)
	}
	know.inspection.Checks[1].Passed = false
	got := setup(t, &requests{}, know).do("POST", "/api/v1/products/change/validation", wish)
	details, _ := got.data["validationDetails"].([]any)
	if got.data["validationResult"] != "FAILURE" || got.data["failureReason"] == "" || details[1].(map[string]any)["result"] != "FAIL" {
		t.Errorf("got %+v", got)
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	for _, c := range []change.Change{completed(), running()} {
		got := setup(t, &requests{answer: c}, goodPlans()).do("GET", "/api/v1/products/change/"+requestID, "")
		if got.status != http.StatusOK || got.data["processStatus"] != string(c.Status) || (got.data["processedAt"] == nil) != c.ProcessedAt.IsZero() {
			t.Errorf("got %+v", got)
		}
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	use := &requests{page: change.Page{Total: 21, Changes: []change.Change{running(), completed()}}}
	got := setup(t, use, goodPlans()).do("GET", "/api/v1/products/history?lineNumber=010-1234-5678&startDate=2026-11-01&endDate=2026-11-30&page=2&status=COMPLETED", "")
	want := change.Filter{
		Lines: []msisdn.Number{line}, Page: query.Page{Number: 2, Size: 10}, Status: change.Completed,
		From:  time.Date(2026, 11, 1, 0, 0, 0, 0, product.Seoul),
		Until: time.Date(2026, 12, 1, 0, 0, 0, 0, product.Seoul),
	}
	if diff := cmp.Diff(want, use.filter); diff != "" {
		t.Errorf("filter: %s", diff)
	}
	pages := map[string]any{"page": 2.0, "size": 10.0, "totalElements": 21.0, "totalPages": 3.0, "hasNext": true, "hasPrevious": true}
	if diff := cmp.Diff(pages, got.data["pagination"]); diff != "" {
		t.Errorf("pagination: %s", diff)
	}
	item := got.data["history"].([]any)[1].(map[string]any)
	delete(item, "requestId")
	whole := map[string]any{
		"lineNumber": "01012345678", "processStatus": "COMPLETED", "currentProductCode": "5G-PREMIUM-001", "currentProductName": "5G 프리미엄",
		"targetProductCode": "LTE-BASIC-001", "targetProductName": "LTE 베이직", "requestedAt": "2026-11-22T12:00:00+09:00",
		"processedAt": "2026-11-22T12:00:01+09:00", "resultMessage": "정상 처리되었습니다.",
	}
	if diff := cmp.Diff(whole, item); diff != "" {
		t.Errorf("item: %s", diff)
	}
}
