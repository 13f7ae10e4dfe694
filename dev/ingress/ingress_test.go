package ingress_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
)

// app starts an app that answers every request with its id and the path.
func app(t *testing.T, id string) runfile.App {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprint(w, id, " ", r.RequestURI)
	}))
	t.Cleanup(server.Close)
	return runfile.App{ID: id, Port: portOf(t, server.URL)}
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(parsed.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// dead is an app that is not running.
func dead(t *testing.T, id string) runfile.App {
	t.Helper()
	port, err := proc.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return runfile.App{ID: id, Port: port}
}

// silent starts an app that accepts requests and answers none.
func silent(t *testing.T, id string) runfile.App {
	t.Helper()
	stopped := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-stopped:
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(stopped) })
	return runfile.App{ID: id, Port: portOf(t, server.URL)}
}

// send sends a request with exactly this path and returns the response and its body.
func send(t *testing.T, method, base, path, body string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, base, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.URL.Opaque = path
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(content)
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	everyEdition(t, testRoutes)
}

func testRoutes(t *testing.T, of edition) {
	t.Helper()
	base := of.start(t, app(t, "auth-service"), app(t, "bill-inquiry-service"), app(t, "product-change-service"),
		app(t, "kos-mock-service"), app(t, "web-portal"))
	const mock = "/api/v1/kos/mock-datas"
	routed := map[string]string{
		"/api/v1/auth/login":                         "auth-service /api/v1/auth/login",
		"/api/v1/users":                              "auth-service /api/v1/users",
		"/api/v1/users?page=2":                       "auth-service /api/v1/users?page=2",
		"/api/v1/users/testuser01":                   "auth-service /api/v1/users/testuser01",
		"/api/v1/products/available?operatorCode=KT": "product-change-service /api/v1/products/available?operatorCode=KT",
		"/api/v1/bills/history?size=5&status=A%20B":  "bill-inquiry-service /api/v1/bills/history?size=5&status=A%20B",
		mock:                     "kos-mock-service /api/v1/kos/mock-datas",
		"/":                      "web-portal /",
		"/bills?month=2026-10":   "web-portal /bills?month=2026-10",
		"/assets/portal.css":     "web-portal /assets/portal.css",
		"/.well-known/jwks.json": "web-portal /.well-known/jwks.json", // of which it has none
		"/api/v1/auth/../../../internal/registrations/check": "web-portal /internal/registrations/check",
		"/internal/x/%2e%2e/%2e%2e/api/v1/auth/login":        "auth-service /api/v1/auth/login",
	}
	unknown := []string{
		"/api", "/api/", "/failure", "/maintenance", "/api/v1/auth", "/api/v1/authx/login", "/api/v1/usersx", "/api/v1/bills",
		"/api/v1/kos/mock-datas/x", "/api/kos/auth", "/actuator", "/actuator/health", "/actuator/prometheus", "/bills/../actuator/health", "/%61ctuator/health",
		"/api/v1/auth/%2e%2e/%2e%2e/%2e%2e/actuator/health", "/api/v1/auth/..%2f..%2f..%2factuator/health",
	}
	if of.name == "prod" {
		delete(routed, mock)
		unknown = append(unknown, mock)
	}
	for path, want := range routed {
		if response, body := send(t, http.MethodPost, base, path, "{}"); body != want || response.StatusCode != http.StatusTeapot {
			t.Errorf("%s: %d %q, want the app's answer %q", path, response.StatusCode, body, want)
		}
	}
	for _, path := range unknown {
		response, body := send(t, http.MethodGet, base, path, "")
		failure{http.StatusNotFound, "NOT_FOUND"}.check(t, path, response, body)
	}
}

func TestOwnFailuresHaveTheEnvelope(t *testing.T) {
	t.Parallel()
	everyEdition(t, testOwnFailures)
}

func testOwnFailures(t *testing.T, of edition) {
	t.Helper()
	breaking := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}))
	t.Cleanup(breaking.Close)
	of.timeout = "1s"
	base := of.start(t, silent(t, "auth-service"), dead(t, "bill-inquiry-service"),
		runfile.App{ID: "product-change-service", Port: portOf(t, breaking.URL)}, app(t, "kos-mock-service"))
	for name, test := range map[string]struct {
		path, body string
		want       failure
	}{
		"no such route":       {"/api/nowhere", "", failure{http.StatusNotFound, "NOT_FOUND"}},
		"a dead app":          {"/api/v1/bills/menu", "", failure{http.StatusBadGateway, "SERVICE_UNAVAILABLE"}},
		"an app that breaks":  {"/api/v1/products/change", "{}", failure{http.StatusBadGateway, "SERVICE_UNAVAILABLE"}},
		"an app that is slow": {"/api/v1/auth/login", "{}", failure{http.StatusGatewayTimeout, "GATEWAY_TIMEOUT"}},
		"a body too large":    {"/api/v1/auth/login", strings.Repeat("x", 1<<20+1), failure{http.StatusRequestEntityTooLarge, "REQUEST_TOO_LARGE"}},
		"a path too long":     {"/api/v1/auth/" + strings.Repeat("x", 9000), "", failure{http.StatusRequestURITooLong, "URI_TOO_LONG"}},
	} {
		t.Run(name, func(t *testing.T) {
			response, body := send(t, http.MethodPost, base, test.path, test.body)
			test.want.check(t, name, response, body)
			if retry := response.Header.Get("Retry-After"); (retry != "") != (test.want.status >= 500) {
				t.Errorf("%s: Retry-After %q", name, retry)
			}
		})
	}
}

// TestMaintenancePage: browsers get a page while the portal is down.
func TestMaintenancePage(t *testing.T) {
	t.Parallel()
	everyEdition(t, func(t *testing.T, of edition) {
		t.Helper()
		base := of.start(t, dead(t, "auth-service"), dead(t, "bill-inquiry-service"), dead(t, "product-change-service"),
			dead(t, "kos-mock-service"), dead(t, "web-portal"))
		response, body := send(t, http.MethodGet, base, "/bills", "")
		if response.StatusCode != http.StatusBadGateway || !strings.Contains(body, "잠시 점검 중입니다") {
			t.Errorf("%d %s", response.StatusCode, body)
		}
		for name, want := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Retry-After": "1", "Refresh": "5",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if got := response.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		// A GET of a form's address would lose the form.
		response, body = send(t, http.MethodPost, base, "/plans/X/change", "key=1")
		if response.Header.Get("Refresh") != "" || !strings.Contains(body, "새로 고치시면") {
			t.Errorf("for a form: Refresh %q, %s", response.Header.Get("Refresh"), body)
		}
		response, body = send(t, http.MethodPost, base, "/bills", strings.Repeat("x", 1<<20+1))
		failure{http.StatusRequestEntityTooLarge, "REQUEST_TOO_LARGE"}.check(t, "a form too large", response, body)
	})
}

// TestMaintenancePageIsInTheCustomersLanguage as the portal's pages are.
func TestMaintenancePageIsInTheCustomersLanguage(t *testing.T) {
	t.Parallel()
	everyEdition(t, func(t *testing.T, of edition) {
		t.Helper()
		base := of.start(t, dead(t, "auth-service"), dead(t, "bill-inquiry-service"), dead(t, "product-change-service"),
			dead(t, "kos-mock-service"), dead(t, "web-portal"))
		for _, test := range []struct{ accepted, cookie, want string }{
			{"", "", "ko"},
			{"ko-KR,ko;q=0.9,en;q=0.8", "", "ko"},
			{"en-US,en;q=0.9,ko;q=0.8", "", "en"},
			{"ja,en;q=0.8", "", "en"},
			{"de", "", "ko"},
			{"ko", "form=x; lang=en", "en"},
			{"ko", "__Host-lang=en; __Host-form=x", "en"},
			{"en", "lang=ko", "ko"},
			{"en", "slang=ko", "en"},
			{"en", "lang=<script>", "en"},
		} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/bills", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Accept-Language", test.accepted)
			request.Header.Set("Cookie", test.cookie)
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			title := map[string]string{"ko": "<h1>잠시 점검 중입니다</h1>", "en": "<h1>We will be back in a moment</h1>"}[test.want]
			if err != nil || !strings.Contains(string(body), `<html lang="`+test.want+`">`) || !strings.Contains(string(body), title) {
				t.Errorf("%+v: %s, %v", test, body, err)
			}
		}
	})
}

// failure is an answer of the ingress itself.
type failure struct {
	status int
	code   string
}

func (want failure) check(t *testing.T, name string, response *http.Response, body string) {
	t.Helper()
	type envelope struct {
		Success bool `json:"success"`
		Error   struct {
			Code, Message, TraceID string
		} `json:"error"`
		Message string `json:"message"`
	}
	var got envelope
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		t.Errorf("%s: %d with no envelope: %q", name, response.StatusCode, body)
		return
	}
	if response.StatusCode != want.status || response.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("%s: %d %s, want %d as JSON", name, response.StatusCode, response.Header.Get("Content-Type"), want.status)
	}
	if len(got.Error.TraceID) != 32 || got.Message == "" {
		t.Errorf("%s: trace id or message is missing: %s", name, body)
	}
	wanted := envelope{Message: got.Error.Message}
	wanted.Error.Code, wanted.Error.Message, wanted.Error.TraceID = want.code, got.Error.Message, got.Error.TraceID
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
