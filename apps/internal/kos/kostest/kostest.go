// Package kostest runs the mock of KOS for tests: the real binary with its own sidecar and
// database. Only tests may import it.
package kostest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/freeport"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

// module is the folder of the mock, relative to a service's test folder two levels deep.
const module = "../../kos-mock-service"

// KOS is a running mock. Unless Behave changes it, it answers within 20 ms, does not fail
// and has no rate limits.
type KOS struct {
	URL string

	t      testing.TB
	http   *http.Client
	client string // id of the client of Order
}

// Credentials returns the secret of a client, as services read it. Start registers its
// clients with these.
func Credentials(clientID string) string {
	return fmt.Sprintf(`{"clientId":%q,"clientSecret":"a secret of the tests"}`, clientID)
}

// build compiles the mock once for all tests of a package.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "kos-mock-service")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "kos-mock-service")
	compile := exec.CommandContext(context.Background(), "go", "build", "-o", binary, ".") //nolint:gosec // our own folder
	compile.Dir = module
	if output, err := compile.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build KOS: %w\n%s", err, output)
	}
	return binary, nil
})

// Clean removes the binary that Start built. Call it after all tests of a package.
func Clean() {
	if binary, err := build(); err == nil {
		_ = os.RemoveAll(filepath.Dir(binary))
	}
}

// Start runs a mock with registered clients until the test ends.
func Start(t testing.TB, clients ...string) *KOS {
	t.Helper()
	binary, err := build()
	if err != nil {
		t.Fatalf("kostest: %v", err)
	}
	database := pgtest.New(t, os.DirFS(filepath.Join(module, "internal/postgres/migrations")))
	dapr := daprtest.Start(t, daprtest.Options{
		AppID: "kos-of-" + database.Config.Name, // no service invokes it by this id
		Secrets: map[string]string{
			"kos-mock-config":              config(t, clients),
			database.Config.PasswordSecret: database.Password,
		},
	})
	address := freeport.Address(t)
	run(t, binary,
		"HTTP_ADDR="+address,
		"DAPR_HTTP_PORT="+strconv.Itoa(dapr.HTTPPort), "DAPR_GRPC_PORT="+strconv.Itoa(dapr.GRPCPort),
		"DB_HOST="+database.Config.Host, "DB_PORT="+strconv.Itoa(database.Config.Port),
		"DB_NAME="+database.Config.Name, "DB_USER="+database.Config.User,
		"DB_PASSWORD_SECRET="+database.Config.PasswordSecret,
	)
	kos := &KOS{URL: "http://" + address, t: t, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, client: clients[0]}
	kos.awaitReady()
	return kos
}

func config(t testing.TB, clients []string) string {
	t.Helper()
	quick := map[string]any{"latency": map[string]int{"minMs": 20, "maxMs": 20}, "errorShare": 0, "limitPerMinute": 0}
	registered := make([]json.RawMessage, len(clients))
	for i, client := range clients {
		registered[i] = json.RawMessage(Credentials(client))
	}
	text, err := json.Marshal(map[string]any{
		"clients":      registered,
		"token":        map[string]any{"signingKey": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32))},
		"adminEnabled": true,
		"endpoints": map[string]any{"auth": quick, "bill-inquiry": quick, "product-inquiry": quick, "products": quick,
			"product-change": quick, "product-change-status": quick},
	})
	if err != nil {
		t.Fatalf("kostest: %v", err)
	}
	return string(text)
}

// run starts the process and stops it gracefully when the test ends.
func run(t testing.TB, binary string, environ ...string) {
	t.Helper()
	var log bytes.Buffer
	process := exec.CommandContext(context.Background(), binary) // the test's context ends before its cleanup
	process.Env, process.Stdout, process.Stderr = environ, &log, &log
	if err := process.Start(); err != nil {
		t.Fatalf("kostest: %v", err)
	}
	t.Cleanup(func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		if err := process.Wait(); err != nil || t.Failed() {
			t.Logf("KOS ended with %v:\n%s", err, log.String())
		}
	})
}

// startTimeout bounds the wait for readiness: a second on a quiet machine.
const startTimeout = 60 * time.Second

func (k *KOS) awaitReady() {
	k.t.Helper()
	deadline := time.After(startTimeout)
	for {
		if status, _ := k.call(http.MethodGet, "/actuator/health/readiness", nil); status == http.StatusOK {
			return
		}
		select {
		case <-deadline:
			k.t.Fatalf("kostest: KOS is not ready after %s", startTimeout)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Behave changes the behaviour of an endpoint, by the mock's admin API.
func (k *KOS) Behave(endpoint string, change map[string]any) {
	k.t.Helper()
	if status, body := k.call(http.MethodPut, "/admin/behavior/"+endpoint, change); status != http.StatusOK {
		k.t.Fatalf("kostest: KOS answered %d: %s", status, body)
	}
}

// Calls returns how many calls an endpoint has received.
func (k *KOS) Calls(endpoint string) int {
	k.t.Helper()
	status, body := k.call(http.MethodGet, "/admin/calls?endpoint="+endpoint, nil)
	var counted struct{ Total int }
	if err := json.Unmarshal(body, &counted); err != nil || status != http.StatusOK {
		k.t.Fatalf("kostest: KOS answered %d: %s", status, body)
	}
	return counted.Total
}

// customers has the customer ids of the mock's test lines.
var customers = map[string]string{
	"01012345678": "CUST001", "01087654321": "CUST002", "01055554444": "CUST003", "01099998888": "CUST004", "01000000000": "CUST005",
}

// CustomerOf returns the customer id of a line of the mock, or an id without a customer for
// an unknown line.
func CustomerOf(line string) string {
	if n, ok := strings.CutPrefix(line, "0103"); ok {
		return "POP" + n
	}
	return cmp.Or(customers[line], "customer-of-"+line)
}

// Move gives a line to another customer.
func (k *KOS) Move(line, customerID, customerName string) {
	k.t.Helper()
	status, body := k.call(http.MethodPost, "/admin/lines/move", map[string]string{
		"lineNumber": line, "customerId": customerID, "customerName": customerName,
	})
	if status != http.StatusOK {
		k.t.Fatalf("kostest: KOS answered %d: %s", status, body)
	}
}

// Order changes the plan of a line in KOS, past the services.
func (k *KOS) Order(line, current, target string) {
	k.t.Helper()
	var auth, done struct {
		ResultCode string
		Data       struct{ AccessToken string }
	}
	_, body := k.call(http.MethodPost, "/api/kos/auth", json.RawMessage(Credentials(k.client)))
	if err := json.Unmarshal(body, &auth); err != nil {
		k.t.Fatalf("kostest: KOS answered %s", body)
	}
	_, body = k.authorized(auth.Data.AccessToken, http.MethodPost, "/api/kos/product-change", map[string]string{
		"lineNumber": line, "currentProductCode": current, "targetProductCode": target, "requestId": rand.Text(),
	})
	if err := json.Unmarshal(body, &done); err != nil || done.ResultCode != "0000" {
		k.t.Fatalf("kostest: KOS answered %s", body)
	}
}

// call returns the status, 0 if there is no answer, and the body.
func (k *KOS) call(method, path string, in any) (int, []byte) {
	k.t.Helper()
	return k.authorized("", method, path, in)
}

func (k *KOS) authorized(token, method, path string, in any) (int, []byte) {
	k.t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		k.t.Fatalf("kostest: %v", err)
	}
	req, err := http.NewRequestWithContext(k.t.Context(), method, k.URL+path, bytes.NewReader(text))
	if err != nil {
		k.t.Fatalf("kostest: %v", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := k.http.Do(req)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil
	}
	return resp.StatusCode, body
}
