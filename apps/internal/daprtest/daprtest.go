// Package daprtest runs a real daprd for tests. Only tests may import it.
package daprtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/freeport"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// binaryVariable is the environment variable with the path of daprd.
const binaryVariable = "PHONEBILL_TEST_DAPRD"

// startTimeout is how long a sidecar may take to start. On an idle machine it
// takes a second.
const startTimeout = 60 * time.Second

// Options describe a sidecar.
type Options struct {
	// AppID must be unique among running tests if the app receives calls, because
	// sidecars with the same id share them.
	AppID string
	// AppPort is the port of the app; 0 if it receives no calls.
	AppPort int
	// Secrets are the content of the component secret-store.
	Secrets map[string]string
	// Resources are additional resources as YAML.
	Resources []string
	// ResourceDirs are folders of resources, such as the repository's own
	// resiliency/.
	ResourceDirs []string
	// Env is added to the environment, such as the API tokens.
	Env []string
	// Configuration is a Dapr Configuration as YAML, or empty.
	Configuration string
}

// Sidecar is a running daprd.
type Sidecar struct {
	HTTPPort, GRPCPort int

	t       testing.TB
	dir     string
	args    []string
	env     []string
	mu      sync.Mutex
	cmd     *exec.Cmd
	done    chan struct{}
	log     logBuffer
	secrets int // how often SetSecrets was called
}

// Start runs a daprd until the test ends and waits until its components are
// loaded. If PHONEBILL_TEST_DAPRD is not set, the test is skipped, or fails where
// PHONEBILL_TEST_REQUIRED or CI is set.
func Start(t testing.TB, opts Options) *Sidecar {
	t.Helper()
	binary := os.Getenv(binaryVariable)
	if binary == "" {
		pgtest.SkipOrFail(t, binaryVariable)
	}
	dir := t.TempDir()
	s := &Sidecar{HTTPPort: freeport.Port(t), GRPCPort: freeport.Port(t), t: t, dir: dir, env: opts.Env}
	s.args = []string{
		binary, "--app-id", opts.AppID, "--mode", "standalone",
		"--dapr-http-port", strconv.Itoa(s.HTTPPort), "--dapr-grpc-port", strconv.Itoa(s.GRPCPort),
		"--dapr-internal-grpc-port", strconv.Itoa(freeport.Port(t)), "--metrics-port", strconv.Itoa(freeport.Port(t)),
		"--dapr-listen-addresses", "127.0.0.1", "--dapr-internal-grpc-listen-address", "127.0.0.1",
		"--metrics-listen-address", "127.0.0.1", "--profile-port", strconv.Itoa(freeport.Port(t)),
		"--placement-host-address", "", "--scheduler-host-address", "",
		"--resources-path", s.writeResources(opts), "--log-level", "warn",
	}
	for _, folder := range opts.ResourceDirs {
		s.args = append(s.args, "--resources-path", folder)
	}
	if opts.AppPort != 0 {
		s.args = append(s.args, "--app-port", strconv.Itoa(opts.AppPort))
	}
	if opts.Configuration != "" {
		s.args = append(s.args, "--config", write(t, dir, "configuration.yaml", opts.Configuration))
	}
	t.Cleanup(func() { s.end(syscall.SIGTERM) })
	s.Restart()
	return s
}

// Log returns the log of the sidecar so far.
func (s *Sidecar) Log() string { return s.log.String() }

// logBuffer is a buffer that is safe for concurrent use.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns the content.
func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Config returns the configuration of a client of the sidecar.
func (s *Sidecar) Config() sidecar.Config {
	return sidecar.Config{HTTPPort: s.HTTPPort, GRPCPort: s.GRPCPort, SecretStore: "secret-store", SecretAge: time.Minute}
}

// Client returns a client of the sidecar that is closed when the test ends.
func (s *Sidecar) Client() *sidecar.Client {
	s.t.Helper()
	client, err := sidecar.New(s.Config())
	if err != nil {
		s.t.Fatalf("daprtest: %v", err)
	}
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

// Kill sends SIGKILL to the sidecar and waits for its end.
func (s *Sidecar) Kill() { s.end(syscall.SIGKILL) }

// Restart starts the sidecar again after Kill, on the same ports, and waits until
// it is ready.
func (s *Sidecar) Restart() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	cmd := exec.Command(s.args[0], s.args[1:]...)
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("daprtest: %v", err)
	}
	s.cmd, s.done = cmd, make(chan struct{})
	go func(done chan struct{}) {
		_ = cmd.Wait()
		close(done)
	}(s.done)
	s.awaitReady()
}

func (s *Sidecar) end(signal syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(signal)
	select {
	case <-s.done:
	case <-time.After(10 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
	s.cmd = nil
}

func (s *Sidecar) awaitReady() {
	s.t.Helper()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	url := fmt.Sprintf("http://127.0.0.1:%d/v1.0/healthz/outbound", s.HTTPPort)
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		if healthy(ctx, client, url) {
			return
		}
		select {
		case <-s.done:
			s.t.Fatalf("daprtest: daprd exited:\n%s", s.log.String())
		case <-ctx.Done():
			s.t.Fatalf("daprtest: daprd not ready after %s", startTimeout)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func healthy(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusNoContent
}

func (s *Sidecar) writeResources(opts Options) string {
	s.t.Helper()
	folder := s.resources()
	if err := os.Mkdir(folder, 0o700); err != nil {
		s.t.Fatalf("daprtest: %v", err)
	}
	s.SetSecrets(opts.Secrets)
	for i, resource := range opts.Resources {
		write(s.t, folder, fmt.Sprintf("resource-%d.yaml", i), resource)
	}
	return folder
}

func (s *Sidecar) resources() string { return filepath.Join(s.dir, "resources") }

// SetSecrets replaces the secrets. The running sidecar reloads them within
// seconds; while it does, it returns none.
func (s *Sidecar) SetSecrets(secrets map[string]string) {
	s.t.Helper()
	text, err := json.Marshal(secrets)
	if err != nil {
		s.t.Fatalf("daprtest: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// The store reads its file only when the component is loaded, and daprd
	// reloads the component only when its specification changes.
	s.secrets++
	store := component("secret-store", "secretstores.local.file", map[string]string{
		"secretsFile": write(s.t, s.dir, "secrets.json", string(text)), "generation": strconv.Itoa(s.secrets),
	})
	// The rename is atomic: daprd reloads at once, and exits on a partial file.
	tmp := write(s.t, s.dir, "secret-store.yaml", store)
	if err := os.Rename(tmp, filepath.Join(s.resources(), "secret-store.yaml")); err != nil {
		s.t.Fatalf("daprtest: %v", err)
	}
}

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("daprtest: %v", err)
	}
	return path
}
