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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
	"github.com/phonebill/phonebill/dev/internal/secrets"
	"github.com/phonebill/phonebill/dev/system"
)

// sidecar is a daprd with the repository's resources, on the tests' Redis.
type sidecar struct {
	http, grpc int
	set        secrets.Set
}

// variable returns what `make test` tells about the tests' servers.
func variable(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" && os.Getenv("PHONEBILL_TEST_REQUIRED") != "" {
		t.Fatalf("%s is not set", name)
	}
	if value == "" {
		t.Skipf("%s is not set; `make test` sets it", name)
	}
	return value
}

func start(t *testing.T, app runfile.App) sidecar {
	t.Helper()
	daprd := variable(t, "PHONEBILL_TEST_DAPRD")
	dir := t.TempDir()
	s := sidecar{set: testSecrets(t, filepath.Join(dir, "secrets.json"))}
	args := []string{
		"daprd", "--app-id", "resources-" + app.ID, "--mode", "standalone", "--log-level", "warn",
		"--resources-path", rendered(t, dir, app), "--resources-path", repository(t).Path("resiliency"),
		"--config", filepath.Join(app.Dir, app.ConfigFile),
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
	child, err := proc.Start(proc.Spec{Path: daprd, Args: args, Env: []string{"HOME=" + dir}, Dir: dir, Log: log})
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

// testSecrets are new ones, but for the password of the tests' Redis.
func testSecrets(t *testing.T, path string) secrets.Set {
	t.Helper()
	content, err := json.Marshal(secrets.Set{"redis-auth-key": variable(t, "PHONEBILL_TEST_REDIS_PASSWORD")})
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

// rendered copies the components, with the tests' servers for the local ones
// and a test's app-id for the app's.
func rendered(t *testing.T, dir string, app runfile.App) string {
	t.Helper()
	folder := filepath.Join(dir, "components")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	replace := strings.NewReplacer(
		fmt.Sprintf("127.0.0.1:%d", system.RedisPort), variable(t, "PHONEBILL_TEST_REDIS_ADDR"),
		"../../.local/secrets.json", filepath.Join(dir, "secrets.json"),
		"- "+app.ID+"\n", "- resources-"+app.ID+"\n",
		app.ID+"=", "resources-"+app.ID+"=",
	)
	for _, component := range load(t, "components", "local") {
		content, err := os.ReadFile(component.file)
		if err != nil {
			t.Fatal(err)
		}
		err = os.WriteFile(filepath.Join(folder, filepath.Base(component.file)), []byte(replace.Replace(string(content))), 0o600)
		if err != nil {
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

// Status codes of gRPC.
const (
	ok               = "0"
	permissionDenied = "7"
	unimplemented    = "12"
)

// call calls a method of Dapr's gRPC API with a message whose first fields are
// the given texts, and returns the status.
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

func TestSidecarsGiveTheirAppsWhatTheyAreMeantTo(t *testing.T) {
	t.Parallel()
	components := load(t, "components", "local")
	configurations := byName(load(t, "components", "local", "configurations"))
	for _, app := range apps(t) {
		t.Run(app.ID, func(t *testing.T) {
			t.Parallel()
			s := start(t, app)
			scoped := slices.DeleteFunc(slices.Clone(components), func(r resource) bool {
				return r.Kind != "Component" || !slices.Contains(r.Scopes, app.ID)
			})
			s.checkComponents(t, scoped)
			s.checkSecrets(t, configurations[app.ID].Spec.Secrets.Scopes[0].AllowedSecrets)
			s.checkAPIs(t, byName(scoped))
			s.checkTopics(t, app.ID)
		})
	}
}

// checkComponents expects exactly the components that are scoped to the app.
func (s sidecar) checkComponents(t *testing.T, scoped []resource) {
	t.Helper()
	var metadata struct{ Components []struct{ Name string } }
	if _, body := s.get(t, "/v1.0/metadata"); json.Unmarshal([]byte(body), &metadata) != nil {
		t.Fatalf("no metadata: %s", body)
	}
	var want, got []string
	for _, component := range scoped {
		want = append(want, component.Metadata.Name)
	}
	for _, component := range metadata.Components {
		got = append(got, component.Name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
}

// checkSecrets expects that the app may read its own secrets and no others.
func (s sidecar) checkSecrets(t *testing.T, allowed []string) {
	t.Helper()
	for name := range s.set {
		want := permissionDenied
		if slices.Contains(allowed, name) {
			want = ok
		}
		if got := s.call(t, "GetSecret", "secret-store", name); got != want {
			t.Errorf("reading %s: status %s, want %s", name, got, want)
		}
	}
}

// checkAPIs expects that the sidecar serves what the app uses and nothing else.
func (s sidecar) checkAPIs(t *testing.T, scoped map[string]resource) {
	t.Helper()
	for _, store := range []string{"session-store", "cache-store"} {
		if scoped[store].Kind == "" {
			continue
		}
		if got := s.call(t, "GetState", store, "key"); got != ok {
			t.Errorf("reading %s: status %s", store, got)
		}
	}
	if scoped["session-store"].Kind == "" {
		if got := s.call(t, "GetState", "session-store", "key"); got != unimplemented {
			t.Errorf("the state API, which the app does not use, answers %s", got)
		}
	}
	for _, method := range []string{"InvokeBinding", "GetMetadata", "InvokeService", "Shutdown"} {
		if got := s.call(t, method); got != unimplemented {
			t.Errorf("%s answers %s", method, got)
		}
	}
	for _, path := range []string{
		"/v1.0/secrets/secret-store/jwt-signing-key", "/v1.0/secrets/secret-store/bulk", "/v1.0/state/session-store/key",
	} {
		if status, body := s.get(t, path); status != http.StatusNotFound {
			t.Errorf("%s answers %d: %s", path, status, body)
		}
	}
}

// publishers are the apps that publish, and what.
var publishers = map[string]string{"product-change-service": "product.changed.v1", "auth-service": "user.logged-in.v1"}

// checkTopics expects that the app may publish its own topic and no other.
func (s sidecar) checkTopics(t *testing.T, app string) {
	t.Helper()
	own, others := publishers[app], permissionDenied
	if own == "" {
		others = unimplemented
	}
	if own != "" {
		if got := s.call(t, "PublishEvent", "pubsub", own); got != ok {
			t.Errorf("publishing to %s answers %s", own, got)
		}
	}
	if got := s.call(t, "PublishEvent", "pubsub", "somebody.elses.v1"); got != others {
		t.Errorf("publishing to another topic answers %s, want %s", got, others)
	}
}
