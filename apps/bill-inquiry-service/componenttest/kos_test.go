package componenttest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

const (
	clientID     = "bill-inquiry-service"
	clientSecret = "a secret of the tests"
)

// kosProcess is the KOS stand-in, running as it does in development.
type kosProcess struct {
	t   testing.TB
	url string
}

// buildKOS builds the stand-in's binary once a run.
var buildKOS = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "kos-mock")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "kos-mock-service")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = filepath.Join("..", "..", "kos-mock-service")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build KOS: %w\n%s", err, output)
	}
	return binary, nil
})

// startKOS runs a stand-in that is fast and never fails of itself, with a
// database of its own.
func startKOS(t testing.TB) *kosProcess {
	t.Helper()
	binary, err := buildKOS()
	if err != nil {
		t.Fatal(err)
	}
	database := pgtest.New(t, os.DirFS("../../kos-mock-service/internal/postgres/migrations"))
	dapr := daprtest.Start(t, daprtest.Options{
		AppID: "kos-of-" + database.Config.Name,
		Secrets: map[string]string{
			"kos-mock-config":              kosConfig(t),
			database.Config.PasswordSecret: database.Password,
		},
	})
	address := freeAddress(t)
	serve := exec.Command(binary)
	serve.Env = append(os.Environ(),
		"HTTP_ADDR="+address,
		"DAPR_HTTP_PORT="+strconv.Itoa(dapr.HTTPPort), "DAPR_GRPC_PORT="+strconv.Itoa(dapr.GRPCPort),
		"DB_HOST="+database.Config.Host, "DB_PORT="+strconv.Itoa(database.Config.Port),
		"DB_NAME="+database.Config.Name, "DB_USER="+database.Config.User,
		"DB_PASSWORD_SECRET="+database.Config.PasswordSecret,
	)
	run(t, serve)
	kos := &kosProcess{t: t, url: "http://" + address}
	eventually(t, "KOS is ready", func() bool {
		status, _ := kos.call(http.MethodGet, "/actuator/health/readiness", nil)
		return status == http.StatusOK
	})
	return kos
}

func kosConfig(t testing.TB) string {
	t.Helper()
	quick := map[string]any{"latency": map[string]int{"minMs": 20, "maxMs": 20}, "errorShare": 0, "limitPerMinute": 0}
	text, err := json.Marshal(map[string]any{
		"clients":      []map[string]string{{"clientId": clientID, "clientSecret": clientSecret}},
		"token":        map[string]any{"signingKey": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32))},
		"adminEnabled": true,
		"endpoints":    map[string]any{"auth": quick, "bill-inquiry": quick, "product-inquiry": quick, "products": quick},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// run starts a process and ends it, gracefully, with the test.
func run(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(cmd.Path), output.String())
		}
	})
}

// behave changes how an endpoint behaves.
func (k *kosProcess) behave(endpoint string, change map[string]any) {
	k.t.Helper()
	if status, body := k.call(http.MethodPut, "/admin/behavior/"+endpoint, change); status/100 != 2 {
		k.t.Fatalf("behave: %d %s", status, body)
	}
}

// calls returns how many calls reached an endpoint.
func (k *kosProcess) calls(endpoint string) int {
	k.t.Helper()
	status, body := k.call(http.MethodGet, "/admin/calls?endpoint="+endpoint, nil)
	var answer struct {
		Total int `json:"total"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK {
		k.t.Fatalf("calls: %d %s", status, body)
	}
	return answer.Total
}

func (k *kosProcess) call(method, path string, in any) (int, []byte) {
	k.t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		k.t.Fatal(err)
	}
	req, err := http.NewRequest(method, k.url+path, bytes.NewReader(text))
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
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

// freeAddress returns an address that was free a moment ago.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// eventually waits until condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		case <-time.After(20 * time.Millisecond): // the next look
		}
	}
}
