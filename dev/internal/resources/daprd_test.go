package resources

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
	"github.com/phonebill/phonebill/dev/internal/secrets"
	"github.com/phonebill/phonebill/dev/internal/testvar"
)

// sidecar is a daprd with the resources of an environment, the tests' Redis, and secrets from a
// file.
type sidecar struct {
	http, grpc int
	set        secrets.Set
	kos        *kosServer // behind the environment's HTTPEndpoints, if any
}

func start(t *testing.T, environment string, app runfile.App) sidecar {
	t.Helper()
	daprd := testvar.Get(t, "PHONEBILL_TEST_DAPRD")
	dir := t.TempDir()
	server := newKOSServer(t, filepath.Join(dir, "authorities.pem"))
	s := sidecar{set: testSecrets(t, filepath.Join(dir, "secrets.json"), server.clientCertificate), kos: server}
	args := []string{
		"daprd", "--app-id", "resources-" + app.ID, "--mode", "standalone", "--log-level", "warn",
		"--resources-path", s.rendered(t, dir, environment, app), "--resources-path", repository(t).Path("resiliency"),
		"--config", repository(t).Path("components", environment, "configurations", app.ID+".yaml"),
		"--dapr-listen-addresses", "127.0.0.1", "--dapr-internal-grpc-listen-address", "127.0.0.1",
		"--metrics-listen-address", "127.0.0.1", "--placement-host-address", "", "--scheduler-host-address", "",
	}
	for _, port := range []struct {
		flag  string
		taken *int
	}{
		{"--dapr-http-port", &s.http}, {"--dapr-grpc-port", &s.grpc},
		{"--dapr-internal-grpc-port", new(int)}, {"--metrics-port", new(int)},
	} {
		free, err := proc.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		*port.taken = free
		args = append(args, port.flag, strconv.Itoa(free))
	}
	log := filepath.Join(dir, "log")
	child, err := proc.Start(proc.Spec{Path: daprd, Args: args, Env: []string{"HOME=" + dir, "SSL_CERT_FILE=" + filepath.Join(dir, "authorities.pem")}, Dir: dir, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Signal(syscall.SIGKILL) // gone is as good
		<-child.Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = proc.Poll(ctx, func() bool {
		status, _ := s.get(t, "/v1.0/healthz/outbound")
		return status == http.StatusNoContent || !child.Alive()
	})
	if err != nil || !child.Alive() {
		content, _ := os.ReadFile(log)
		t.Fatalf("daprd is not ready: %v\n%s", err, content)
	}
	return s
}

// testSecrets returns new secrets, with the password of the tests' Redis for both servers and the
// client certificate for KOS.
func testSecrets(t *testing.T, path, certificate string) secrets.Set {
	t.Helper()
	content, err := json.Marshal(secrets.Set{
		"redis-auth-key": testvar.Get(t, "PHONEBILL_TEST_REDIS_PASSWORD"), "redis-cache-auth-key": testvar.Get(t, "PHONEBILL_TEST_REDIS_PASSWORD"),
		"kos-client-certificate": certificate,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := secrets.Ensure(path)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// rendered copies the components of an environment, with the tests' servers and app id. The secret
// store is always the local one, because the others exist in their environments only.
func (s sidecar) rendered(t *testing.T, dir, environment string, app runfile.App) string {
	t.Helper()
	folder := filepath.Join(dir, "components")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	replace := strings.NewReplacer(
		"../../.local/secrets.json", filepath.Join(dir, "secrets.json"),
		"https://kos.carrier.example", s.kos.URL,
		"- "+app.ID+"\n", "- resources-"+app.ID+"\n",
		app.ID+"=", "resources-"+app.ID+"=",
	)
	redis := regexp.MustCompile(`(name: redisHost\s+value: )\S+(\s+- name: enableTLS\s+value: "true")?`)
	for _, component := range load(t, "components", environment) {
		file := component.file
		if component.Metadata.Name == "secret-store" {
			file = repository(t).Path("components", "local", "secret-store.yaml")
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := redis.ReplaceAllString(replace.Replace(string(content)), "${1}"+testvar.Get(t, "PHONEBILL_TEST_REDIS_ADDR"))
		if err := os.WriteFile(filepath.Join(folder, filepath.Base(file)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func (s sidecar) get(t *testing.T, path string) (int, string) {
	t.Helper()
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", s.http, path))
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// gRPC status codes.
const (
	ok               = "0"
	permissionDenied = "7"
	noStore          = "9" // no secret store has the app in its scopes
	unimplemented    = "12"
)

// call calls a method of Dapr's gRPC API with a message whose first fields are the given texts, and
// returns the status.
func (s sidecar) call(t *testing.T, method string, fields ...string) string {
	t.Helper()
	var message []byte
	for i, field := range fields {
		const lengthDelimited = 2
		message = append(message, byte((i+1)<<3|lengthDelimited))
		message = append(binary.AppendUvarint(message, uint64(len(field))), field...)
	}
	frame := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	url := fmt.Sprintf("http://%s/dapr.proto.runtime.v1.Dapr/%s", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.grpc)), method)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(frame))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	if status := response.Trailer.Get("Grpc-Status"); status != "" {
		return status
	}
	return response.Header.Get("Grpc-Status") // of an answer without a message
}
