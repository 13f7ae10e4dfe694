package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // otter logs failed reloads there
	// The goroutine of an otter cache ends when the cache is garbage-collected.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

const (
	inquiry   = "/api/kos/bill-inquiry"
	authPath  = "/api/kos/auth"
	tokenLife = time.Hour
	secret    = `{"clientId":"bill-inquiry-service","clientSecret":"hunter2"}`
)

// secretsFunc is a secret store.
type secretsFunc func() (string, error)

func (f secretsFunc) Secret(context.Context, string) (string, error) { return f() }

// Reread implements sidecar.Secrets.
func (f secretsFunc) Reread(context.Context, string) (string, error) { return f() }

// kos is a transport that answers like KOS.
type kos struct {
	t testing.TB // of withKOS

	mu     sync.Mutex
	issued int             // tokens
	valid  map[string]bool // tokens that it accepts
	calls  int             // with any token
	slow   time.Duration
	// accepted has the accepted credentials; nil for those of secret.
	accepted []string
	// auth and call, if set, replace the answers.
	auth, call http.HandlerFunc
}

// set changes or reads the fields.
func (k *kos) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.valid == nil {
		k.valid = map[string]bool{}
	}
	change()
}

func (k *kos) RoundTrip(r *http.Request) (*http.Response, error) {
	var slow time.Duration
	k.set(func() { slow = k.slow })
	select {
	case <-time.After(slow):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	answer := httptest.NewRecorder()
	k.set(func() { k.handler(r)(answer, r) })
	return answer.Result(), nil
}

func (k *kos) handler(r *http.Request) http.HandlerFunc {
	switch {
	case r.URL.Path == authPath && k.auth != nil:
		return k.auth
	case r.URL.Path == authPath:
		return k.issue
	}
	k.calls++
	switch {
	case !k.valid[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]:
		return status(http.StatusUnauthorized)
	case k.call != nil:
		return k.call
	}
	return answer(`{"success":true,"resultCode":"0000","resultMessage":"정상","data":{"totalFee":89000}}`)
}

func (k *kos) issue(w http.ResponseWriter, r *http.Request) {
	known := k.accepted
	if known == nil {
		known = []string{secret}
	}
	if text, _ := io.ReadAll(r.Body); !slices.Contains(known, string(text)) {
		status(http.StatusUnauthorized)(w, r)
		return
	}
	k.issued++
	token := fmt.Sprintf("token-%d", k.issued)
	k.valid[token] = true
	answer(fmt.Sprintf(`{"success":true,"resultCode":"0000","resultMessage":"정상","data":{"accessToken":%q,"expiresIn":%d}}`, token, int(tokenLife.Seconds())))(w, r)
}

func answer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"success":false,"resultCode":"9999"}`)
	}
}

// withKOS runs test with a client of KOS, in a bubble of synctest.
func withKOS(t *testing.T, test func(k *kos, client *kosclient.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k := &kos{t: t}
		client := newClient(k)
		defer client.StopGoroutines()
		test(k, client)
		bubble.Advance(time.Minute) // background work ends
	})
}

func newClient(transport http.RoundTripper) *kosclient.Client {
	cfg := kosclient.Config{AppID: "kos", CredentialsSecret: "kos-api-credentials"}
	return kosclient.New(cfg, secretsFunc(func() (string, error) { return secret, nil }), transport, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
}

type question struct {
	LineNumber string `json:"lineNumber"`
}

func ask(ctx context.Context, client *kosclient.Client) (kosclient.Answer, error) {
	return client.Post(ctx, inquiry, question{"01012345678"})
}

// wantAnswer makes a call and checks its answer.
func wantAnswer(t testing.TB, client *kosclient.Client) {
	t.Helper()
	got, err := ask(t.Context(), client)
	if err != nil || !got.Success || got.ResultCode != kosclient.OK || !strings.Contains(string(got.Data), "89000") || !json.Valid(got.Data) {
		t.Errorf("got %+v, %v", got, err)
	}
}
