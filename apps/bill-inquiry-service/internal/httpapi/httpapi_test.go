package httpapi_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/query"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, bill.Seoul)

func TestInquiry(t *testing.T) {
	t.Parallel()
	use := &inquiries{answer: answered()}
	status, answer := setup(t, use).do("POST", "/api/v1/bills/inquiry", `{"lineNumber":"010-1234-5678","inquiryMonth":"202611"}`)
	if status != http.StatusOK || use.line != "01012345678" || use.month != "2026-11" {
		t.Fatalf("status %d, inquired about %s %s", status, use.line.Digits(), use.month)
	}
	info := answer["data"].(map[string]any)["billInfo"].(map[string]any)
	for field, want := range map[string]any{
		"billingMonth": "202611", "monthlyFee": 89_000.0, "usageFee": 1_000.0, "discountAmount": 22_250.0,
		"totalFee": 67_750.0, "deviceInstallment": 33_000.0, "totalAmount": 100_750.0, "dueDate": "20261225", "smsUsage": "35건",
	} {
		if info[field] != want {
			t.Errorf("%s is %v, want %v", field, info[field], want)
		}
	}
	charges := []any{
		map[string]any{"name": "LTE 베이직", "from": "20261101", "to": "20261110", "amount": 29_670.0},
		map[string]any{"name": "5G 프리미엄", "from": "20261111", "to": "20261130", "amount": 59_330.0},
	}
	if diff := cmp.Diff(charges, info["charges"]); diff != "" {
		t.Errorf("charges: %s", diff)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method, path, body string
		status             int
		code               string
	}{
		"no line":         {"POST", "/inquiry", `{}`, 400, "VALIDATION_ERROR"},
		"bad line":        {"POST", "/inquiry", `{"lineNumber":"02-123-4567"}`, 400, "VALIDATION_ERROR"},
		"bad month":       {"POST", "/inquiry", `{"lineNumber":"01012345678","inquiryMonth":"2026-13"}`, 400, "INVALID_MONTH"},
		"unknown field":   {"POST", "/inquiry", `{"lineNumber":"01012345678","month":"2026-11"}`, 400, "VALIDATION_ERROR"},
		"not JSON":        {"POST", "/inquiry", `{"lineNumber":`, 400, "MALFORMED_JSON"},
		"page 0":          {"GET", "/history?page=0", "", 400, "VALIDATION_ERROR"},
		"size 101":        {"GET", "/history?size=101", "", 400, "VALIDATION_ERROR"},
		"too deep":        {"GET", "/history?page=1000&size=100", "", 400, "VALIDATION_ERROR"},
		"bad day":         {"GET", "/history?startDate=2026-02-30", "", 400, "VALIDATION_ERROR"},
		"days reversed":   {"GET", "/history?startDate=2026-11-02&endDate=2026-11-01", "", 400, "VALIDATION_ERROR"},
		"unknown status":  {"GET", "/history?status=DONE", "", 400, "VALIDATION_ERROR"},
		"bad line filter": {"GET", "/history?lineNumber=1", "", 400, "VALIDATION_ERROR"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, answer := setup(t, &inquiries{answer: answered()}).do(tc.method, "/api/v1/bills"+tc.path, tc.body)
			if status != tc.status || code(answer) != tc.code {
				t.Errorf("got %d %v", status, answer)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err    error
		status int
	}{
		{bill.ErrLineNotAllowed, 403},
		{bill.ErrNoBill, 404},
		{bill.ErrUnknownLine, 404},
		{bill.ErrSuspended, 409},
		{bill.ErrInProgress, 503},
	} {
		status, _ := setup(t, &inquiries{err: tc.err}).do("POST", "/api/v1/bills/inquiry", `{"lineNumber":"01012345678"}`)
		if status != tc.status {
			t.Errorf("%v: status %d, want %d", tc.err, status, tc.status)
		}
	}
	stranger := setup(t, &inquiries{})
	stranger.token = ""
	for _, path := range []string{"/menu", "/history", "/inquiry/" + requestID} {
		if status, _ := stranger.do("GET", "/api/v1/bills"+path, ""); status != http.StatusUnauthorized {
			t.Errorf("%s without a token: status %d", path, status)
		}
	}
}

func TestMenu(t *testing.T) {
	t.Parallel()
	_, answer := setup(t, &inquiries{}).do("GET", "/api/v1/bills/menu", "")
	want := map[string]any{
		"customerInfo":    map[string]any{"customerId": "CUST001", "lineNumber": "01012345678"},
		"availableMonths": []any{"2026-11", "2026-10"},
		"currentMonth":    "2026-11",
		"stale":           false,
	}
	if diff := cmp.Diff(want, answer["data"]); diff != "" {
		t.Error(diff)
	}
}

func TestAsynchronousInquiryIsAcceptedWithALocation(t *testing.T) {
	t.Parallel()
	waiting := bill.Inquiry{
		Record:   bill.Record{RequestID: requestID, Status: bill.Processing},
		Standing: bill.Standing{Standing: readthrough.Standing{Ahead: 2, Estimate: 1500 * time.Millisecond}, First: 2},
	}
	use := &inquiries{answer: waiting}
	c := setup(t, use)
	c.prefer = "handling=lenient, Respond-Async; wait=10"
	status, answer := c.do("POST", "/api/v1/bills/inquiry", `{"lineNumber":"01012345678"}`)
	want := map[string]any{"requestId": requestID, "status": "PROCESSING", "progress": 10.0, "queuePosition": 3.0, "estimatedSeconds": 2.0}
	if diff := cmp.Diff(want, answer["data"]); diff != "" || status != http.StatusAccepted || !use.async {
		t.Errorf("status %d, asynchronous %t: %s", status, use.async, diff)
	}
	if c.header.Get("Location") != "/api/v1/bills/inquiry/"+requestID || c.header.Get("Preference-Applied") != "respond-async" {
		t.Errorf("header %v", c.header)
	}
	use.answer.Standing.Claimed = true
	if _, answer := c.do("GET", "/api/v1/bills/inquiry/"+requestID, ""); answer["data"].(map[string]any)["queuePosition"] != 0.0 {
		t.Errorf("while KOS is called: %v", answer)
	}
	use.answer = answered() // from a cache
	if status, _ := c.do("POST", "/api/v1/bills/inquiry", `{"lineNumber":"01012345678"}`); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}

func TestPreferWaitIsPassedOn(t *testing.T) {
	t.Parallel()
	none := time.Duration(-1)
	for _, tc := range []struct {
		prefer  string
		wait    time.Duration
		refusal error
		applied string
	}{
		{"", none, nil, ""},
		{"wait=2", 2 * time.Second, nil, "wait=2"},
		{"respond-async, wait=0", 0, nil, "wait=0"},
		{"wait=3600", time.Hour, nil, ""}, // above the longest wait
		{"wait=-1", none, nil, ""},
		{"wait=2", 2 * time.Second, bill.ErrNoBill, ""},
	} {
		use := &inquiries{answer: answered(), err: tc.refusal}
		c := setup(t, use)
		c.prefer = tc.prefer
		c.do("POST", "/api/v1/bills/inquiry", `{"lineNumber":"01012345678"}`)
		wait := none
		if use.wait != nil {
			wait = *use.wait
		}
		if wait != tc.wait || c.header.Get("Preference-Applied") != tc.applied {
			t.Errorf("%q: waits %s, applied %q", tc.prefer, wait, c.header.Get("Preference-Applied"))
		}
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	running, failed, bare := answered(), answered(), answered()
	running.Standing = bill.Standing{Standing: readthrough.Standing{Ahead: 2, Estimate: 1500 * time.Millisecond}, First: 4}
	running.Record.Status, failed.Record.Status, bare.Bill = bill.Processing, bill.Failed, bill.Bill{}
	tests := map[string]struct {
		inquiry  bill.Inquiry
		progress float64
		bill     bool
		message  bool
	}{
		"completed":          {answered(), 100, true, false},
		"completed, no bill": {bare, 100, false, false},
		"processing":         {running, 45, false, false},
		"failed":             {failed, 100, false, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, answer := setup(t, &inquiries{answer: tc.inquiry}).do("GET", "/api/v1/bills/inquiry/"+requestID, "")
			data := answer["data"].(map[string]any)
			_, hasBill := data["billInfo"]
			_, hasMessage := data["errorMessage"]
			if data["progress"] != tc.progress || hasBill != tc.bill || hasMessage != tc.message {
				t.Errorf("got %v", data)
			}
		})
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	use := &inquiries{page: bill.Page{Total: 41, Records: []bill.Record{
		{RequestID: requestID, Line: "01012345678", Month: "2026-11", Status: bill.Processing, RequestedAt: noon},
		{RequestID: requestID, Line: "01012345678", Month: "2026-10", Status: bill.Completed, RequestedAt: noon, ProcessedAt: noon.Add(time.Second)},
	}}}
	_, answer := setup(t, use).do("GET", "/api/v1/bills/history?lineNumber=010-1234-5678&startDate=2026-11-01&endDate=2026-11-30&page=2&size=20&status=COMPLETED", "")
	want := bill.Filter{
		Lines: []msisdn.Number{"01012345678"}, Page: query.Page{Number: 2, Size: 20}, Status: bill.Completed,
		From:  time.Date(2026, 11, 1, 0, 0, 0, 0, bill.Seoul),
		Until: time.Date(2026, 12, 1, 0, 0, 0, 0, bill.Seoul),
	}
	if diff := cmp.Diff(want, use.filter); diff != "" {
		t.Errorf("filter: %s", diff)
	}
	data := answer["data"].(map[string]any)
	pages := map[string]any{"currentPage": 2.0, "totalPages": 3.0, "totalItems": 41.0, "pageSize": 20.0, "hasNext": true, "hasPrevious": true}
	if diff := cmp.Diff(pages, data["pagination"]); diff != "" {
		t.Errorf("pagination: %s", diff)
	}
	if item := data["items"].([]any)[0].(map[string]any); item["processTime"] != nil || item["requestTime"] != "2026-11-22T12:00:00+09:00" {
		t.Errorf("item: %v", item)
	}
}

func TestProductChanged(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		event string
		err   error
		want  string
	}{
		"handled": {`{"type":"product.changed.v1","data":{"lineNumber":"01012345678","productCode":"X"}}`, nil, "SUCCESS"},
		"failed":  {`{"type":"product.changed.v1","data":{"lineNumber":"01012345678"}}`, errors.New("broken"), "RETRY"},
		"no line": {`{"type":"product.changed.v1","data":{}}`, nil, "DROP"},
		"garbage": {`{"type":"product.changed.v1","data":7}`, nil, "DROP"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			use := &inquiries{err: tc.err}
			_, answer := setup(t, use).do("POST", "/events/product-changed", tc.event)
			if answer["status"] != tc.want || (tc.want != "DROP") != (use.line == "01012345678") {
				t.Errorf("got %v, line %s", answer, use.line)
			}
		})
	}
}
