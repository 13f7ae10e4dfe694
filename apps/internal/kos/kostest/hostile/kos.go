package hostile

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
)

// KOS is a transport that gives every request the same answer, in place of a sidecar. It
// embeds a client that uses it, and checks the client's log and metrics.
type KOS struct {
	*kosclient.Client

	Log *slog.Logger // the client's logger

	registry *prometheus.Registry
	mu       sync.Mutex
	log      bytes.Buffer
	answer   Answer
	calls    int
}

// New returns a KOS that gives the answer.
func New(answer Answer) *KOS {
	k := &KOS{answer: answer, registry: prometheus.NewRegistry()}
	k.Log = slog.New(slog.NewJSONHandler(logWriter{k}, nil))
	k.Client = kosclient.New(kosclient.Config{}, secrets{}, k, k.Log, k.registry)
	return k
}

// RoundTrip implements http.RoundTripper.
func (k *KOS) RoundTrip(r *http.Request) (*http.Response, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	answer := k.answer
	if path.Base(r.URL.Path) == "auth" {
		answer = ok("token", "", envelope("true", "0000", `{"accessToken":"token","expiresIn":3600}`))
	} else {
		k.calls++
	}
	return &http.Response{
		StatusCode: answer.Status, Header: answer.Header.Clone(), Request: r, ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: -1, Body: io.NopCloser(strings.NewReader(answer.Body)),
	}, nil
}

// secrets has the credentials of a client that every KOS accepts.
type secrets struct{}

func (secrets) Secret(context.Context, string) (string, error) {
	return `{"clientId":"service","clientSecret":"secret"}`, nil
}

// Reread implements sidecar.Secrets.
func (s secrets) Reread(ctx context.Context, name string) (string, error) { return s.Secret(ctx, name) }

// WantFault fails the test unless KOS was called once and the fault of its answer, if it has
// a kind, was counted once and logged once, as a warning. Neither the log nor err may contain
// a text of personal. WantFault waits for a running call.
func (k *KOS) WantFault(t testing.TB, endpoint Endpoint, err error, personal ...string) {
	t.Helper()
	k.await(t)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.calls != 1 {
		t.Errorf("KOS was called %d times", k.calls)
	}
	want := []string{}
	if k.answer.Kind != "" {
		want = []string{endpoint.Name + " " + string(k.answer.Kind)}
	}
	if got := k.counted(t); !slices.Equal(got, want) {
		t.Errorf("counted %q, want %q", got, want)
	}
	if n := strings.Count(k.log.String(), `"level":"WARN"`); n != len(want) || n != strings.Count(k.log.String(), "\n") {
		t.Errorf("%d records: %s", n, k.log.String())
	}
	for _, text := range personal {
		if strings.Contains(k.log.String(), text) || err != nil && strings.Contains(err.Error(), text) {
			t.Errorf("%s is disclosed: %v, log %s", text, err, k.log.String())
		}
	}
}

// await waits until KOS was called and the fault of its answer is counted.
func (k *KOS) await(t testing.TB) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		k.mu.Lock()
		over := k.calls > 0 && (k.answer.Kind == "" || len(k.counted(t)) > 0 && k.log.Len() > 0)
		k.mu.Unlock()
		if over {
			return
		}
		select {
		case <-deadline:
			return // the caller reports what is missing
		case <-time.After(time.Millisecond):
		}
	}
}

// logWriter writes to a KOS's log.
type logWriter struct{ k *KOS }

func (w logWriter) Write(text []byte) (int, error) {
	w.k.mu.Lock()
	defer w.k.mu.Unlock()
	return w.k.log.Write(text)
}

// counted returns endpoint and kind of each counted fault.
func (k *KOS) counted(t testing.TB) []string {
	t.Helper()
	families, err := k.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, family := range families {
		if family.GetName() != "phonebill_kos_answer_faults_total" {
			continue
		}
		for _, sample := range family.GetMetric() {
			for range int(sample.GetCounter().GetValue()) {
				all = append(all, sample.GetLabel()[0].GetValue()+" "+sample.GetLabel()[1].GetValue())
			}
		}
	}
	return all
}
