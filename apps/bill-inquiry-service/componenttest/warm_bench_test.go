package componenttest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
)

// BenchmarkWarmInquiry measures a warm inquiry and a bare net/http handler that returns
// the same bytes. Their requests alternate, so that load of the machine affects both
// alike. It reports the medians of both, in microseconds, and their ratio.
//
//	make bench
func BenchmarkWarmInquiry(b *testing.B) {
	for name, clients := range map[string]int{"1-client": 1, "32-clients": 32} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, daprtest.RedisState)
			token := w.login(line).token
			body := get(b, http.DefaultClient, w.url("/api/v1/bills/inquiry"), token)
			bare := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				rw.Header().Set("Content-Type", "application/json")
				_, _ = rw.Write(body)
			}))
			defer bare.Close()
			measure(b, clients, token, w.url("/api/v1/bills/inquiry"), bare.URL)
		})
	}
}

// turn is the number of requests that one side gets before the other.
const turn = 200

func measure(b *testing.B, clients int, token, service, bare string) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	var ours, theirs []time.Duration
	b.ReportAllocs() // of client and server together, half the requests bare
	for b.Loop() {
		ours = append(ours, requests(b, client, clients, service, token)...)
		theirs = append(theirs, requests(b, client, clients, bare, token)...)
	}
	us, them := median(ours), median(theirs)
	b.ReportMetric(float64(us.Microseconds()), "service-µs")
	b.ReportMetric(float64(them.Microseconds()), "bare-µs")
	b.ReportMetric(float64(us)/float64(them), "ratio")
}

// requests sends the requests of a turn from a number of clients and returns their
// durations.
func requests(b *testing.B, client *http.Client, clients int, url, token string) []time.Duration {
	b.Helper()
	took := make([]time.Duration, turn)
	var group sync.WaitGroup
	for first := range clients {
		group.Go(func() {
			for i := first; i < turn; i += clients {
				start := time.Now()
				get(b, client, url, token)
				took[i] = time.Since(start)
			}
		})
	}
	group.Wait()
	return took
}

func get(b *testing.B, client *http.Client, url, token string) []byte {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, strings.NewReader(`{"lineNumber":"`+line+`"}`))
	if err != nil {
		b.Error(err)
		return nil
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		b.Error(err)
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Errorf("status %d, %v", resp.StatusCode, err)
	}
	return body
}

func median(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}
