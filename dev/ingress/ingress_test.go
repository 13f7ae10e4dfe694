package ingress_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/ingress"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
)

// start runs the ingress before the given apps and returns its address.
func start(t *testing.T, apps ...runfile.App) string {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed")
	}
	port, err := proc.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	child, err := ingress.Start(ingress.Config{
		Binary: nginx, Dir: filepath.Join(dir, "ingress"), Log: filepath.Join(dir, "log"), Port: port, Apps: apps,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Signal(syscall.SIGTERM) // gone is as good
		<-child.Done()
	})
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = proc.Poll(ctx, func() bool {
		conn, err := net.Dial("tcp", address)
		return err == nil && conn.Close() == nil
	})
	if err != nil {
		t.Fatalf("the ingress does not answer: %v", err)
	}
	return "http://" + address
}

// app is an app that answers every request with its id and the path.
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

// dead is an app that nobody runs.
func dead(t *testing.T, id string) runfile.App {
	t.Helper()
	port, err := proc.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return runfile.App{ID: id, Port: port}
}

// send makes a request for exactly this path and returns status and body.
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
	base := start(t, app(t, "auth-service"), app(t, "bill-inquiry-service"), app(t, "product-change-service"),
		app(t, "kos-mock-service"))
	for path, want := range map[string]string{
		"/api/v1/auth/login":                          "auth-service /api/v1/auth/login",
		"/api/v1/users":                               "auth-service /api/v1/users",
		"/api/v1/users?page=2":                        "auth-service /api/v1/users?page=2",
		"/api/v1/users/testuser01":                    "auth-service /api/v1/users/testuser01",
		"/api/v1/products/available?operatorCode=KT":  "product-change-service /api/v1/products/available?operatorCode=KT",
		"/api/v1/bills/history?size=5&status=A%20B":   "bill-inquiry-service /api/v1/bills/history?size=5&status=A%20B",
		"/api/v1/kos/mock-datas":                      "kos-mock-service /api/v1/kos/mock-datas",
		"/internal/x/%2e%2e/%2e%2e/api/v1/auth/login": "auth-service /api/v1/auth/login",
	} {
		if response, body := send(t, http.MethodPost, base, path, "{}"); body != want || response.StatusCode != http.StatusTeapot {
			t.Errorf("%s: %d %q, want %q as the app answered it", path, response.StatusCode, body, want)
		}
	}
	for _, path := range []string{
		"/", "/failure", "/api/v1/auth", "/api/v1/authx/login", "/api/v1/usersx", "/api/v1/bills",
		"/api/v1/kos/mock-datas/x", "/api/kos/auth", "/actuator/health", "/actuator/prometheus", "/openapi.yaml",
		"/internal/registrations/check", "/.well-known/jwks.json", "/api/v1/auth/../../../internal/registrations/check",
		"/api/v1/auth/%2e%2e/%2e%2e/%2e%2e/actuator/health", "/api/v1/auth/..%2f..%2f..%2factuator/health",
	} {
		response, body := send(t, http.MethodGet, base, path, "")
		failure{http.StatusNotFound, "NOT_FOUND"}.check(t, path, response, body)
	}
}

func TestOwnFailuresHaveTheEnvelope(t *testing.T) {
	t.Parallel()
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler) // the connection breaks without an answer
	}))
	t.Cleanup(hanging.Close)
	base := start(t, app(t, "auth-service"), dead(t, "bill-inquiry-service"), dead(t, "product-change-service"),
		runfile.App{ID: "kos-mock-service", Port: portOf(t, hanging.URL)})
	for name, test := range map[string]struct {
		path, body string
		want       failure
	}{
		"no such route":      {"/nowhere", "", failure{http.StatusNotFound, "NOT_FOUND"}},
		"a dead app":         {"/api/v1/bills/menu", "", failure{http.StatusBadGateway, "SERVICE_UNAVAILABLE"}},
		"an app that breaks": {"/api/v1/kos/mock-datas", "{}", failure{http.StatusBadGateway, "SERVICE_UNAVAILABLE"}},
		"a body too large":   {"/api/v1/auth/login", strings.Repeat("x", 1<<20+1), failure{http.StatusRequestEntityTooLarge, "REQUEST_TOO_LARGE"}},
		"a path too long":    {"/api/v1/auth/" + strings.Repeat("x", 9000), "", failure{http.StatusRequestURITooLong, "URI_TOO_LONG"}},
	} {
		response, body := send(t, http.MethodPost, base, test.path, test.body)
		test.want.check(t, name, response, body)
		if retry := response.Header.Get("Retry-After"); (retry != "") != (test.want.status >= 500) {
			t.Errorf("%s: Retry-After %q", name, retry)
		}
	}
}

// failure is an answer that the ingress gives itself.
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
		t.Errorf("%s: a trace id and a message are missing: %s", name, body)
	}
	wanted := envelope{Message: got.Error.Message}
	wanted.Error.Code, wanted.Error.Message, wanted.Error.TraceID = want.code, got.Error.Message, got.Error.TraceID
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
