package portal_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/web-portal/internal/assets"
	"github.com/phonebill/phonebill/apps/web-portal/internal/browser"
	"github.com/phonebill/phonebill/apps/web-portal/internal/pages"
	"github.com/phonebill/phonebill/apps/web-portal/internal/portal"
	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
	"github.com/phonebill/phonebill/dev/openapitest"
)

// answer is an answer of a service.
type answer struct {
	status int
	header map[string]string
	body   string
}

// services answer as the tests say. The validator checks that the real services could answer so.
type services struct {
	mu      sync.Mutex
	answers map[string]answer // by method and path
	other   *answer           // to other calls
	asked   []*http.Request
	bodies  []string
	before  func() // is called at the beginning of each call, if set
}

// RoundTrip implements http.RoundTripper.
func (s *services) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if s.before != nil {
		s.before()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked, s.bodies = append(s.asked, r), append(s.bodies, string(body))
	a, ok := s.answers[r.Method+" "+r.URL.Path]
	if !ok && s.other != nil {
		a, ok = *s.other, true
	}
	if !ok {
		return nil, fmt.Errorf("unexpected call: %s %s", r.Method, r.URL.Path)
	}
	recorder := httptest.NewRecorder()
	recorder.Header().Set("Content-Type", "application/json")
	recorder.Header().Set("Cache-Control", "no-store")
	for name, value := range a.header {
		recorder.Header().Set(name, value)
	}
	recorder.WriteHeader(a.status)
	_, _ = recorder.WriteString(a.body)
	return recorder.Result(), nil
}

// calls returns the calls of a method and path, such as "POST /api/v1/auth/login".
func (s *services) calls(operation string) (found []*http.Request, bodies []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.asked {
		if r.Method+" "+r.URL.Path == operation {
			found, bodies = append(found, r), append(bodies, s.bodies[i])
		}
	}
	return found, bodies
}

func (s *services) set(operation string, status int, body string, header ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := answer{status: status, body: body, header: map[string]string{}}
	for i := 0; i < len(header); i += 2 {
		a.header[header[i]] = header[i+1]
	}
	s.answers[operation] = a
}

func (s *services) refuse(operation string, status int, code, message string, header ...string) {
	s.set(operation, status, fmt.Sprintf(`{"success":false,"error":{"code":%q,"message":%q,"traceId":"0123456789abcdef0123456789abcdef"},"message":%q}`,
		code, message, message), header...)
}

// refuseOthers refuses all calls that have no answer yet.
func (s *services) refuseOthers(status int, code, message string) {
	s.refuse("", status, code, message)
	s.mu.Lock()
	defer s.mu.Unlock()
	other := s.answers[""]
	s.other = &other
}

// Operations of the services.
const (
	getUser    = "GET /api/v1/auth/user-info"
	getLogins  = "GET /api/v1/auth/login-history"
	getDevices = "GET /api/v1/auth/sessions"
	doLogin    = "POST /api/v1/auth/login"
	doRefresh  = "POST /api/v1/auth/refresh"
	doLogout   = "POST /api/v1/auth/logout"
	doInquire  = "POST /api/v1/bills/inquiry"
	getMenu    = "GET /api/v1/bills/menu"
	getLine    = "GET /api/v1/products/customer"
	getOffers  = "GET /api/v1/products/available"
	doValidate = "POST /api/v1/products/change/validation"
	doChange   = "POST /api/v1/products/change"
)

const (
	origin  = "http://portal.test"
	request = "3f2a7a52-1c1e-4d7e-9a45-0d3c5b1f2a10"
)

// now is the time of the tests: 10:00 in Seoul.
var now = time.Date(2026, 11, 30, 1, 0, 0, 0, time.UTC)

// world is a portal with services, and a browser without redirects.
type world struct {
	t        *testing.T
	services *services
	portal   *portal.Portal
	handler  http.Handler
	cookies  map[string]string
	fetch    string // Sec-Fetch-Site
	accepts  string // Accept-Language
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s := &services{answers: map[string]answer{}}
	var documents [][]byte
	for _, app := range []string{"auth-service", "bill-inquiry-service", "product-change-service"} {
		document, err := os.ReadFile("../../../" + app + "/api/openapi.yaml")
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, document)
	}
	transport := openapitest.Load(t, documents...).Transport(s)
	client := &upstream.Client{Auth: transport, Bills: transport, Products: transport}
	files, err := assets.New()
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return now }
	templates, err := pages.New(files, clock)
	if err != nil {
		t.Fatal(err)
	}
	protection, err := browser.NewProtection(origin)
	if err != nil {
		t.Fatal(err)
	}
	router := mux.NewRouter()
	routes := portal.New(portal.Params{
		Services: client, Sessions: browser.NewSessions(browser.Cookies{}, client, clock), Protection: protection,
		Pages: templates, Assets: files, Idle: 30 * time.Minute, Now: clock,
	})
	routes.Register(router)
	w := &world{t: t, services: s, portal: routes, handler: router, cookies: map[string]string{}, fetch: "same-origin"}
	s.set(doLogin, http.StatusOK, tokens(29*time.Minute, "r1"))
	s.set(getLine, http.StatusOK, data(subscriber("김고객", false)))
	s.set(doInquire, http.StatusOK, data(inquiry("김고객", false)))
	s.set(getMenu, http.StatusOK, data(`{"customerInfo":{"customerId":"CUST001","lineNumber":"01012345678"},"availableMonths":["2026-11","2026-10"],"currentMonth":"2026-11","stale":false}`))
	s.set(getOffers, http.StatusOK, data(`{"products":[`+plan("LTE-BASIC-001", "LTE 베이직", 39000, true)+`],"totalCount":1,"asOf":"2026-11-30T09:00:00+09:00","stale":false}`))
	s.set(doValidate, http.StatusOK, data(validation("PASS")))
	return w
}

// do sends a request with the cookies of the browser, and keeps the ones of the answer.
func (w *world) do(method, path string, form url.Values) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, origin+path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	r.Header.Set("Sec-Fetch-Site", w.fetch)
	r.Header.Set("Accept-Language", w.accepts)
	for name, value := range w.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	for _, cookie := range recorder.Result().Cookies() {
		if cookie.MaxAge < 0 {
			delete(w.cookies, cookie.Name)
		} else {
			w.cookies[cookie.Name] = cookie.Value
		}
	}
	return recorder
}

func (w *world) get(path string) *httptest.ResponseRecorder {
	w.t.Helper()
	return w.do(http.MethodGet, path, nil)
}

var tokenOf = regexp.MustCompile(`name="form_token" value="([0-9a-f]{64})"`)

// token returns the form token of a page.
func (w *world) token(page *httptest.ResponseRecorder) string {
	w.t.Helper()
	found := tokenOf.FindStringSubmatch(page.Body.String())
	if found == nil {
		w.t.Fatalf("no form token: %d %s", page.Code, page.Body)
	}
	return found[1]
}

// post sends a form with the token of the page at from.
func (w *world) post(from, path string, pairs ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	form := url.Values{"form_token": {w.token(w.get(from))}}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return w.do(http.MethodPost, path, form)
}

// login logs in.
func (w *world) login() {
	w.t.Helper()
	if got := w.post("/login", "/login", "userId", "testuser01", "password", "PhoneBill1!"); got.Code != http.StatusSeeOther {
		w.t.Fatalf("log-in: %d %s", got.Code, got.Body)
	}
}

// shows checks status and text of a page.
func shows(t *testing.T, page *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	if page.Code != status {
		t.Errorf("status %d, want %d", page.Code, status)
	}
	for _, text := range texts {
		if !strings.Contains(page.Body.String(), text) {
			t.Errorf("without %q:\n%s", text, page.Body)
		}
	}
}

// tokens returns the answer of auth-service with an access token that expires after valid.
func tokens(valid time.Duration, refresh string) string {
	return tokensOf("testuser01", valid, refresh, []string{"01012345678"}, "BILL_INQUIRY", "PRODUCT_CHANGE")
}

// tokensOf returns tokens of another user.
func tokensOf(user string, valid time.Duration, refresh string, lines []string, permissions ...string) string {
	claims, err := json.Marshal(map[string]any{"sub": user, "exp": now.Add(valid).Unix(), "lines": lines, "permissions": permissions})
	if err != nil {
		panic(err)
	}
	access := "e30." + base64.RawURLEncoding.EncodeToString(claims) + ".c2ln"
	return fmt.Sprintf(`{"access_token":%q,"refresh_token":%q,"token_type":"Bearer","expires_in":1800,"user_id":%q,"customer_id":"CUST001","line_number":"01012345678"}`,
		access, refresh, user)
}

// data returns an envelope.
func data(body string) string {
	return `{"success":true,"data":` + body + `,"message":"조회되었습니다."}`
}

func plan(code, name string, fee int, offered bool) string {
	more := ""
	if offered {
		more = `,"description":"설명","available":true,"isAvailable":true`
	}
	return fmt.Sprintf(`{"productCode":%q,"productName":%q,"monthlyFee":%d,"dataAllowance":"20GB","voiceAllowance":"무제한","smsAllowance":"기본 제공","operatorCode":"KT"%s}`,
		code, name, fee, more)
}

func subscriber(name string, stale bool) string {
	return fmt.Sprintf(`{"customerId":"CUST001","lineNumber":"01012345678","customerName":%q,"lineStatus":"ACTIVE","currentProduct":%s,
		"contractInfo":{"contractDate":"2024-01-01","termEndDate":null,"earlyTerminationFee":0},"asOf":"2026-11-30T07:00:00+09:00","stale":%v}`,
		name, plan("5G-PREMIUM-001", "5G 프리미엄", 89000, false), stale)
}

func bill() string {
	return `{"lineNumber":"01012345678","billingMonth":"202611","productCode":"5G-PREMIUM-001","productName":"5G 프리미엄","monthlyFee":89000,"usageFee":1000,
		"discountAmount":22250,"totalFee":67750,"totalAmount":97750,"charges":[{"name":"5G 프리미엄","from":"20261101","to":"20261130","amount":89000}],
		"discountInfo":[{"name":"선택약정 할인","amount":22250}],"dataUsage":"1GB","voiceUsage":"2분","smsUsage":"3건","usage":{"voice":"2분","sms":"3건","data":"1GB"},
		"billStatus":"OPEN","dueDate":"20261225","contractInfo":"선택약정 24개월","terminationFee":0,"deviceInstallment":30000,
		"paymentInfo":{"billingDate":"20261201","paymentStatus":"SCHEDULED","paymentMethod":"신용카드 자동납부"}}`
}

func inquiry(name string, stale bool) string {
	return fmt.Sprintf(`{"requestId":%q,"status":"COMPLETED","procStatus":"COMPLETED","resultCode":"0000","resultMessage":"정상","billInfo":%s,
		"customerInfo":{"customerName":%q,"customerId":"CUST001","operatorCode":"KT","lineStatus":"ACTIVE"},"asOf":"2026-11-30T07:00:00+09:00","stale":%v}`,
		request, bill(), name, stale)
}

func validation(line string) string {
	result, reason := "SUCCESS", ""
	if line == "FAIL" {
		result, reason = "FAILURE", `,"failureReason":"정지된 회선입니다."`
	}
	return fmt.Sprintf(`{"validationResult":%q,"validationDetails":[{"checkType":"PRODUCT_AVAILABLE","result":"PASS","message":"변경할 수 있는 상품입니다."},
		{"checkType":"OPERATOR_MATCH","result":"PASS","message":"같은 사업자의 상품입니다."},{"checkType":"LINE_STATUS","result":%q,"message":"회선 상태 확인"},
		{"checkType":"CURRENT_PRODUCT_MATCH","result":"PASS","message":"현재 상품이 일치합니다."}]%s}`, result, line, reason)
}

func change(status, code, message string) string {
	product, processed := "null", `"2026-11-30T10:00:01+09:00"`
	if status == "COMPLETED" {
		product = plan("LTE-BASIC-001", "LTE 베이직", 39000, false)
	}
	if code == "" {
		processed = "null"
	}
	return fmt.Sprintf(`{"requestId":%q,"processStatus":%q,"resultCode":%q,"resultMessage":%q,"changedProduct":%s,"lineNumber":"01012345678",
		"requestedAt":"2026-11-30T10:00:00+09:00","processedAt":%s}`, request, status, code, message, product, processed)
}
