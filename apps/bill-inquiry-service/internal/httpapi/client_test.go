package httpapi_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/api"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/httpapi"
	"github.com/phonebill/phonebill/apps/internal/authtest"
	"github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/session"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
	"github.com/phonebill/phonebill/dev/openapitest"
)

const requestID = "0199f5d4-7b3a-7c6e-8a55-0a1b2c3d4e5f"

// inquiries records its arguments and returns its fields.
type inquiries struct {
	line   msisdn.Number
	month  bill.Month
	filter bill.Filter
	answer bill.Inquiry
	page   bill.Page
	err    error
	async  bool
	wait   *time.Duration
	lines  []msisdn.Number // of a login
}

func (i *inquiries) Menu(context.Context, bill.Caller) (bill.Menu, error) {
	return bill.Menu{Line: "01012345678", Months: []bill.Month{"2026-11", "2026-10"}, Current: "2026-11"}, i.err
}

func (i *inquiries) Inquire(_ context.Context, caller bill.Caller, s bill.Subject, async bool) (bill.Inquiry, error) {
	i.line, i.month, i.async, i.wait = s.Line, s.Month, async, caller.Wait
	return i.answer, i.err
}

func (i *inquiries) Result(context.Context, bill.Caller, string) (bill.Inquiry, error) {
	return i.answer, i.err
}

func (i *inquiries) History(_ context.Context, _ bill.Caller, filter bill.Filter) (bill.Page, error) {
	i.filter = filter
	return i.page, i.err
}

func (i *inquiries) Changed(_ context.Context, _ string, line msisdn.Number) error {
	i.line = line
	return i.err
}

func (i *inquiries) LoggedIn(_ context.Context, _ string, lines []msisdn.Number) error {
	i.lines = lines
	return i.err
}

func answered() bill.Inquiry {
	return bill.Inquiry{
		Record: bill.Record{RequestID: requestID, Line: "01012345678", Month: "2026-11", Status: bill.Completed, ResultCode: "0000", Summary: "요약"},
		Bill: bill.Bill{
			Line: "01012345678", Month: "2026-11", AsOf: noon,
			Customer:    bill.Customer{ID: "CUST001", Name: "김철수", OperatorCode: "KT", LineStatus: "ACTIVE"},
			ProductCode: "5G-PREMIUM-001", ProductName: "5G 프리미엄",
			Charges: bill.Charges{Monthly: 89_000, Usage: 1_000, Discount: 22_250, Total: 67_750, Discounts: []bill.Discount{{Name: "선택약정 할인", Amount: 22_250}}, Periods: []bill.Charge{
				{Name: "LTE 베이직", From: "20261101", To: "20261110", Amount: 29_670}, {Name: "5G 프리미엄", From: "20261111", To: "20261130", Amount: 59_330},
			}},
			Usage:  bill.Usage{Data: "12.3GB", Voice: "124분", SMS: "35건"},
			Status: "OPEN", DueDate: "20261225", Contract: "24개월 약정", TerminationFee: 100_000, DeviceInstallment: 33_000,
			Payment: bill.Payment{BillingDate: "20261201", Status: "SCHEDULED", Method: "신용카드"},
		},
	}
}

// client calls the API and checks each answer against the contract.
type client struct {
	t     *testing.T
	http  *http.Client
	token string

	prefer string      // header of requests
	header http.Header // of the last answer
}

func setup(t *testing.T, use *inquiries) *client {
	t.Helper()
	issuer := authtest.NewIssuer(t, time.Now)
	owner := jwtauth.Principal{UserID: "testuser01", CustomerID: "CUST001", Lines: []string{"01012345678"}, Permissions: []string{bill.Permission}, SessionID: "s1"}
	sessions := authtest.LiveSessions{"s1": session.Record{UserID: owner.UserID, Lines: owner.Lines, Permissions: owner.Permissions}}
	auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(issuer.Config, issuer.Keys(), time.Now), sessions, prometheus.NewRegistry())
	router := mux.NewRouter()
	consumer := events.NewConsumer(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	httpapi.New(httpapi.Params{
		Inquiries: use, Lines: use, Logins: use, Auth: auth, Consumer: consumer, Gate: sidecar.NewGate(sidecar.Config{}),
	}).Register(router)
	server := httptest.NewServer(traced(router))
	t.Cleanup(server.Close)
	transport := openapitest.Load(t, api.OpenAPI).Transport(server.Client().Transport)
	return &client{t: t, http: &http.Client{Transport: rebase{server.URL, transport}}, token: issuer.Token(t, owner)}
}

// rebase sends requests for paths to a server.
type rebase struct {
	url  string
	next http.RoundTripper
}

func (b rebase) RoundTrip(r *http.Request) (*http.Response, error) {
	out, err := http.NewRequestWithContext(r.Context(), r.Method, b.url+r.URL.RequestURI(), r.Body)
	if err != nil {
		return nil, err
	}
	out.Header = r.Header
	return b.next.RoundTrip(out)
}

func (c *client) do(method, path, body string) (int, map[string]any) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, "http://api"+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.prefer != "" {
		req.Header.Set("Prefer", c.prefer)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	c.header = resp.Header
	defer func() { _ = resp.Body.Close() }()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, answer
}

func code(answer map[string]any) any {
	failure, _ := answer["error"].(map[string]any)
	return failure["code"]
}

// traced adds a trace to requests, as the server around the routes does.
func traced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		next.ServeHTTP(w, r.WithContext(telemetry.Extract(r.Context(), r.Header)))
	})
}
