package componenttest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
)

// kosCredentials are ours at KOS, as the secret has them.
const kosCredentials = `{"clientId":"auth-service","clientSecret":"a secret of tests"}`

// kosConfig makes KOS quick and faultless.
const kosConfig = `{
	"clients": [` + kosCredentials + `],
	"token": {"signingKey": "%s"},
	"adminEnabled": true,
	"endpoints": {
		"auth":            {"latency": {"minMs": 1, "maxMs": 1}, "errorShare": 0},
		"product-inquiry": {"latency": {"minMs": 1, "maxMs": 1}, "errorShare": 0}
	}
}`

var (
	kosFolder = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "kos-mock") })

	// kosBinary builds the stand-in of KOS, once for all tests.
	kosBinary = sync.OnceValues(func() (string, error) {
		dir, err := kosFolder()
		if err != nil {
			return "", err
		}
		binary := filepath.Join(dir, "kos-mock-service")
		build := exec.Command("go", "build", "-o", binary, ".")
		build.Dir = "../../kos-mock-service"
		if output, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build KOS: %w\n%s", err, output)
		}
		return binary, nil
	})
)

// removeKOS removes the binary when all tests are over.
func removeKOS() {
	if dir, err := kosFolder(); err == nil {
		_ = os.RemoveAll(dir)
	}
}

// kos is the stand-in of KOS, as it runs in development, in a process of its
// own with its own sidecar and database.
type kos struct {
	t   *testing.T
	url string
}

func startKOS(t *testing.T) *kos {
	t.Helper()
	binary, err := kosBinary()
	must(t, err)
	database := emptyDatabase(t)
	dapr := daprtest.Start(t, daprtest.Options{
		AppID: "kos-of-" + database.Config.Name,
		Secrets: map[string]string{
			"kos-mock-config":              fmt.Sprintf(kosConfig, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32))),
			database.Config.PasswordSecret: database.Password,
		},
	})
	address := freeAddress(t)
	environ := append(os.Environ(),
		"HTTP_ADDR="+address,
		"DAPR_HTTP_PORT="+strconv.Itoa(dapr.HTTPPort), "DAPR_GRPC_PORT="+strconv.Itoa(dapr.GRPCPort),
		"DB_HOST="+database.Config.Host, "DB_PORT="+strconv.Itoa(database.Config.Port),
		"DB_NAME="+database.Config.Name, "DB_USER="+database.Config.User,
		"DB_PASSWORD_SECRET="+database.Config.PasswordSecret,
	)
	migrate := exec.Command(binary, "migrate")
	migrate.Env = environ
	if output, err := migrate.CombinedOutput(); err != nil {
		t.Fatalf("migrate KOS: %v\n%s", err, output)
	}
	k := &kos{t: t, url: "http://" + address}
	serve(t, binary, environ)
	awaitThat(t, func() bool { return k.call(http.MethodGet, "/actuator/health/readiness", nil) == http.StatusOK })
	return k
}

// serve runs a process until the test ends, then stops it gracefully.
func serve(t *testing.T, binary string, environ []string) {
	t.Helper()
	var log bytes.Buffer
	process := exec.Command(binary)
	process.Env, process.Stdout, process.Stderr = environ, &log, &log
	must(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		if err := process.Wait(); err != nil || t.Failed() {
			t.Logf("KOS ended with %v:\n%s", err, log.String())
		}
	})
}

// freeAddress returns an address that was free a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// call asks the stand-in something beside the protocol of KOS and returns the
// status, 0 if it does not answer.
func (k *kos) call(method, path string, in any) int {
	k.t.Helper()
	body, err := json.Marshal(in)
	must(k.t, err)
	req, err := http.NewRequestWithContext(k.t.Context(), method, k.url+path, bytes.NewReader(body))
	must(k.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// behave changes how an endpoint behaves from now on.
func (k *kos) behave(endpoint string, change form) {
	k.t.Helper()
	if status := k.call(http.MethodPut, "/admin/behavior/"+endpoint, change); status != http.StatusOK {
		k.t.Fatalf("KOS answered %d", status)
	}
}
