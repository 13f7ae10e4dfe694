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

	"github.com/phonebill/phonebill/apps/internal/authtest"
	"github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/session"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
	"github.com/phonebill/phonebill/apps/product-change-service/api"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/httpapi"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
	"github.com/phonebill/phonebill/dev/openapitest"
)

const (
	requestID = "0199f5d4-7b3a-7c6e-8a55-0a1b2c3d4e5f"
	line      = msisdn.Number("01012345678")
)

var (
	noon    = time.Date(2026, 11, 22, 12, 0, 0, 0, product.Seoul)
	premium = product.Product{Code: "5G-PREMIUM-001", Name: "5G 프리미엄", MonthlyFee: 89_000, Data: "무제한", Voice: "무제한", SMS: "무제한", Operator: "KT"}
	basic   = product.Product{Code: "LTE-BASIC-001", Name: "LTE 베이직", Description: "실속형", MonthlyFee: 39_000, Data: "20GB", Voice: "무제한", SMS: "기본 제공", Operator: "KT", OnSale: true}
)

// requests records calls and answers with its fields.
type requests struct {
	order  change.Order
	key    change.Key
	async  bool
	filter change.Filter
	answer change.Change
	page   change.Page
	err    error
}

func (u *requests) Submit(_ context.Context, _ change.Caller, order change.Order, key change.Key, async bool) (change.Change, error) {
	u.order, u.key, u.async = order, key, async
	return u.answer, u.err
}

func (u *requests) Result(context.Context, change.Caller, string) (change.Change, error) {
	return u.answer, u.err
}

func (u *requests) History(_ context.Context, _ change.Caller, filter change.Filter) (change.Page, error) {
	u.filter = filter
	return u.page, u.err
}

// plans answers with its fields.
type plans struct {
	subscriber product.Subscriber
	inspection product.Inspection
	line       msisdn.Number // of the last call
	wait       product.Wait  // of the last call
	changed    []msisdn.Number
	err        error
}

func (p *plans) Subscriber(_ context.Context, s product.Subscription, wait product.Wait) (product.Subscriber, error) {
	p.line, p.wait = s.Line, wait
	return p.subscriber, p.err
}

func (p *plans) Offers(_ context.Context, _ product.Subscription, _, _ string, wait product.Wait) (product.Catalogue, error) {
	p.wait = wait
	return product.Catalogue{Products: []product.Product{basic}, AsOf: noon, Stale: true}, p.err
}

func (p *plans) PreCheck(context.Context, product.Subscription, string, string) (product.Inspection, error) {
	return p.inspection, p.err
}

func (p *plans) Changed(_ context.Context, s product.Subscription) error {
	p.changed = append(p.changed, s.Line)
	return p.err
}

func goodPlans() *plans {
	subscriber := product.Subscriber{
		Line: line, CustomerID: "CUST001", CustomerName: "김철수", LineStatus: product.Active, Product: premium, AsOf: noon,
		Contract: product.Contract{Date: "2025-03-02", TerminationFee: 100_000},
	}
	return &plans{subscriber: subscriber, inspection: product.Inspect(subscriber, product.Catalogue{Products: []product.Product{basic}}, premium.Code, basic.Code)}
}

func completed() change.Change {
	return change.Change{
		RequestID: requestID, Line: line, CurrentCode: premium.Code, CurrentName: premium.Name, Target: basic,
		Status: change.Completed, ResultCode: change.OK, ResultMessage: "정상 처리되었습니다.", RequestedAt: noon, ProcessedAt: noon.Add(time.Second),
	}
}

func running() change.Change {
	c := completed()
	c.Status, c.Waiting, c.ResultCode, c.ResultMessage, c.ProcessedAt = change.Processing, change.KOSUnavailable, "", "", time.Time{}
	return c
}

// client calls the API and checks each answer against the contract.
type client struct {
	t      *testing.T
	url    string
	http   *http.Client
	token  string
	header http.Header
}

// degraded is an unavailable session store.
type degraded struct{}

func (degraded) Get(context.Context, string) (session.Record, error) {
	return session.Record{}, session.ErrUnavailable
}

func setup(t *testing.T, ask *requests, know *plans) *client {
	t.Helper()
	owner := jwtauth.Principal{UserID: "testuser01", CustomerID: "CUST001", Lines: []string{line.Digits()}, Permissions: []string{product.Permission}, SessionID: "s1"}
	return setupWith(t, ask, know, owner,
		authtest.LiveSessions{"s1": session.Record{UserID: owner.UserID, Lines: owner.Lines, Permissions: owner.Permissions}})
}

func setupWith(t *testing.T, ask *requests, know *plans, owner jwtauth.Principal, sessions jwtauth.Sessions) *client {
	t.Helper()
	issuer := authtest.NewIssuer(t, time.Now)
	auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(issuer.Config, issuer.Keys(), time.Now), sessions, prometheus.NewRegistry())
	router := mux.NewRouter()
	consumer := events.NewConsumer(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	httpapi.New(httpapi.Params{Requests: ask, Plans: know, Auth: auth, Consumer: consumer, Gate: sidecar.NewGate(sidecar.Config{})}).Register(router)
	server := httptest.NewServer(traced(router))
	t.Cleanup(server.Close)
	transport := openapitest.Load(t, api.OpenAPI).Transport(server.Client().Transport)
	return &client{t: t, url: server.URL, http: &http.Client{Transport: transport}, token: issuer.Token(t, owner), header: http.Header{}}
}

// answer is a response of the API.
type answer struct {
	status int
	header http.Header
	code   string // of a problem
	data   map[string]any
	fail   map[string]any // its details
}

func (c *client) do(method, path, body string) answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header = c.header.Clone()
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var envelope struct {
		Data  map[string]any
		Error struct {
			Code    string
			Details map[string]any
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&envelope); err != nil {
		c.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, envelope.Error.Code, envelope.Data, envelope.Error.Details}
}

// traced gives requests a trace, as the server around the routes does.
func traced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		next.ServeHTTP(w, r.WithContext(telemetry.Extract(r.Context(), r.Header)))
	})
}
