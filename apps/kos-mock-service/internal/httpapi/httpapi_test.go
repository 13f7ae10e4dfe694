package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/httpapi"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/settings"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/token"
)

var noon = time.Date(2026, 1, 17, 12, 0, 0, 0, time.UTC)

// kos is an API with dependencies that fail on demand.
type kos struct {
	settings  *settings.Settings
	admission behavior.Admission

	noSettings, noLedger, noStore error
	registered                    error // nil: registered

	calls   []behavior.Call
	answers []behavior.Answer
	orders  []billing.Placed
	counter *prometheus.Registry
	handler http.Handler
}

func newKOS() *kos {
	k := &kos{
		settings: &settings.Settings{
			Clients:         []settings.Client{{ID: "bill-inquiry-service", Secret: "secret-of-bill-00"}},
			Token:           settings.Token{SigningKey: []byte(strings.Repeat("k", 32)), TTLSeconds: 60},
			Endpoints:       maps.Clone(behavior.Defaults()),
			MockDataEnabled: true,
		},
		admission: behavior.Admission{CallID: 7, Override: behavior.Override{Latency: &behavior.Latency{}}},
		counter:   prometheus.NewRegistry(),
	}
	router := mux.NewRouter()
	k.api().Register(router)
	k.handler = router
	return k
}

// api returns an API with these dependencies.
func (k *kos) api() *httpapi.API {
	now := func() time.Time { return noon }
	return httpapi.New(httpapi.Params{
		Settings: k, Gate: behavior.NewGate(k, func() float64 { return 0.99 }, now), Answers: k,
		Directory: billing.NewDirectory(k), Orders: billing.NewOrders(k), OrderLog: orderLog{}, Registrations: k,
		Controls: k, Troubles: k, CallLog: k, Registerer: k.counter, Now: now,
	})
}

func (k *kos) Current(context.Context) (*settings.Settings, error) { return k.settings, k.noSettings }

func (k *kos) Admit(_ context.Context, call behavior.Call) (behavior.Admission, error) {
	k.calls = append(k.calls, call)
	return k.admission, k.noLedger
}

func (k *kos) Version(context.Context, behavior.Endpoint) (int64, error) { return 0, nil }

func (k *kos) Append(_ context.Context, answer behavior.Answer) bool {
	k.answers = append(k.answers, answer)
	return true
}

func (k *kos) Record(context.Context, msisdn.Number) (billing.Record, error) {
	return billing.Record{}, k.noStore
}

func (k *kos) Open(context.Context, msisdn.Number, billing.Registration, billing.Order) error {
	return k.noStore
}

func (k *kos) Move(context.Context, msisdn.Number, billing.Registration, billing.Order) error {
	return k.noStore
}

func (k *kos) Place(_ context.Context, change billing.Change, decide billing.Decide) (billing.Placed, error) {
	if k.noStore != nil {
		return billing.Placed{}, k.noStore
	}
	decision, err := decide(noon, billing.Record{})
	if err != nil {
		return billing.Placed{}, err
	}
	placed := billing.Placed{ID: 42, Change: change, Decision: decision, CreatedAt: noon}
	k.orders = append(k.orders, placed)
	return placed, nil
}

func (k *kos) Placed(context.Context, string) (billing.Placed, bool, error) {
	return billing.Placed{}, false, k.noStore
}

func (k *kos) Registered(context.Context, string, msisdn.Number) (bool, error) {
	return k.registered == nil, k.registered
}

const inquiry = `{"lineNumber":"01012345678","billingMonth":"202512","requestId":"request-1"}`

// ask posts body with a bearer token and returns status, code and headers.
func (k *kos) ask(ctx context.Context, t *testing.T, path, bearer, body string) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", bearer)
	w := httptest.NewRecorder()
	k.handler.ServeHTTP(w, r)
	var envelope struct {
		ResultCode string
		Error      struct{ Code string }
	}
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &envelope); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
	}
	return w.Code, envelope.ResultCode + envelope.Error.Code, w.Header()
}

func (k *kos) bearer(t *testing.T) string {
	t.Helper()
	text, err := token.NewAuthority(k.settings, func() time.Time { return noon }).Issue("bill-inquiry-service", "secret-of-bill-00")
	if err != nil {
		t.Fatal(err)
	}
	return "bearer " + text // the scheme is case-insensitive
}

func TestCallIsRecordedAndCounted(t *testing.T) {
	t.Parallel()
	k := newKOS()
	status, code, _ := k.ask(t.Context(), t, "/api/kos/bill-inquiry", k.bearer(t), inquiry)
	if status != http.StatusOK || code != "0000" {
		t.Fatalf("got %d %s", status, code)
	}
	wantCalls := []behavior.Call{{
		Endpoint: behavior.BillInquiry, Client: "bill-inquiry-service", RequestID: "request-1",
		Line: k.settings.Pseudonym("01012345678"), At: noon, Limit: 100,
	}}
	if diff := cmp.Diff(wantCalls, k.calls); diff != "" {
		t.Error(diff)
	}
	wantAnswers := []behavior.Answer{{CallID: 7, CalledAt: noon, Status: 200, ResultCode: "0000"}}
	if diff := cmp.Diff(wantAnswers, k.answers); diff != "" {
		t.Error(diff)
	}
	want := `
# HELP phonebill_kos_mock_calls_total Calls that reached KOS, by endpoint, registered client and outcome.
# TYPE phonebill_kos_mock_calls_total counter
phonebill_kos_mock_calls_total{client="bill-inquiry-service",endpoint="bill-inquiry",outcome="done"} 1
`
	if err := testutil.GatherAndCompare(k.counter, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestAnonymousCalls(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path, body, code string
		status           int
	}{
		"no token":                     {"/api/kos/bill-inquiry", inquiry, "9002", http.StatusUnauthorized},
		"no token, invalid JSON":       {"/api/kos/bill-inquiry", `{`, "9002", http.StatusUnauthorized},
		"credentials of invalid JSON":  {"/api/kos/auth", `{`, "9001", http.StatusBadRequest},
		"credentials with a bad field": {"/api/kos/auth", `{"clientId":1,"clientSecret":"x"}`, "9001", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKOS()
			status, code, _ := k.ask(t.Context(), t, tc.path, "", tc.body)
			if status != tc.status || code != tc.code {
				t.Errorf("got %d %s", status, code)
			}
			if len(k.calls) != 1 || k.calls[0].Client != behavior.Anonymous {
				t.Errorf("recorded %+v", k.calls)
			}
		})
	}
}

// TestCredentialsAreBoundToTheirApp uses a valid token, and requests one, through sidecars of
// several apps.
func TestCredentialsAreBoundToTheirApp(t *testing.T) {
	t.Parallel()
	for caller, want := range map[string]int{
		"":                     http.StatusOK, // without a sidecar
		"bill-inquiry-service": http.StatusOK,
		"auth-service":         http.StatusUnauthorized,
		"anonymous":            http.StatusUnauthorized,
	} {
		k := newKOS()
		for path, body := range map[string]string{
			"/api/kos/bill-inquiry": inquiry,
			"/api/kos/auth":         `{"clientId":"bill-inquiry-service","clientSecret":"secret-of-bill-00"}`,
		} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", k.bearer(t))
			r.Header.Set("dapr-caller-app-id", caller)
			w := httptest.NewRecorder()
			k.handler.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%s, called by %q: got %d, want %d", path, caller, w.Code, want)
			}
		}
	}
}

func TestFaultsComeBeforeRefusals(t *testing.T) {
	t.Parallel()
	k := newKOS()
	k.admission.Step = &behavior.Step{Status: http.StatusBadGateway}
	status, code, _ := k.ask(t.Context(), t, "/api/kos/bill-inquiry", "", `{`)
	if status != http.StatusBadGateway || code != "9502" {
		t.Errorf("got %d %s", status, code)
	}
}

func TestDependencyFailureIs503(t *testing.T) {
	t.Parallel()
	away := errors.New("unavailable")
	for name, tc := range map[string]struct {
		breakIt func(*kos)
		// recorded is the number of answers in the call log.
		recorded int
	}{
		"settings": {func(k *kos) { k.noSettings = away }, 0},
		"ledger":   {func(k *kos) { k.noLedger, k.admission = away, behavior.Admission{} }, 0},
		"lines":    {func(k *kos) { k.noStore = away }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKOS()
			bearer := k.bearer(t)
			tc.breakIt(k)
			status, code, header := k.ask(t.Context(), t, "/api/kos/bill-inquiry", bearer, inquiry)
			if status != http.StatusServiceUnavailable || code != "9503" || header.Get("Retry-After") != "1" {
				t.Errorf("got %d %s, Retry-After %q", status, code, header.Get("Retry-After"))
			}
			if len(k.answers) != tc.recorded {
				t.Errorf("recorded %+v", k.answers)
			}
		})
	}
}

func TestAbandonedCallIsNotAnswered(t *testing.T) {
	t.Parallel()
	k := newKOS()
	k.admission.Override.Hang = true
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	status, _, _ := k.ask(ctx, t, "/api/kos/bill-inquiry", k.bearer(t), inquiry)
	if status != 499 || len(k.answers) != 0 {
		t.Errorf("got %d, recorded %+v", status, k.answers)
	}
}

func TestRetryAfterIsRoundedUp(t *testing.T) {
	t.Parallel()
	k := newKOS()
	k.admission.Limited, k.admission.RetryAfter = true, 1001*time.Millisecond
	status, code, header := k.ask(t.Context(), t, "/api/kos/bill-inquiry", k.bearer(t), inquiry)
	if status != http.StatusTooManyRequests || code != "9003" || header.Get("Retry-After") != "2" {
		t.Errorf("got %d %s, Retry-After %q", status, code, header.Get("Retry-After"))
	}
}

func TestMockDataDuringOutages(t *testing.T) {
	t.Parallel()
	unavailable := problem.New(problem.Unavailable, "AUTH_UNAVAILABLE", "")
	for name, tc := range map[string]struct {
		breakIt func(*kos)
		status  int
		code    string
	}{
		"auth service": {func(k *kos) { k.registered = unavailable }, http.StatusServiceUnavailable, "AUTH_UNAVAILABLE"},
		"lines":        {func(k *kos) { k.noStore = errors.New("away") }, http.StatusInternalServerError, "INTERNAL_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKOS()
			tc.breakIt(k)
			status, code, _ := k.ask(t.Context(), t, "/api/v1/kos/mock-datas", "", `{"customerId":"CUST900","lineNumber":"01077771234"}`)
			if status != tc.status || code != tc.code {
				t.Errorf("got %d %s", status, code)
			}
		})
	}
}
