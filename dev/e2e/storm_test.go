package e2e

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/traffic"
)

var stormLogins = flag.Int("logins", 1000, "number of users in BenchmarkLoginStorm")

// stormSpan is the time in which the users of a storm send their first login.
const stormSpan = 10 * time.Second

// storm are users who log in as Retry-After requires.
type storm struct {
	b         *testing.B
	transport http.RoundTripper
	start     time.Time

	mu    sync.Mutex
	tries map[int]int   // number of users by tries needed
	last  time.Duration // when the last user was in
}

// BenchmarkLoginStorm lets users log in within ten seconds, beside warm inquiries. It reports
//
//   - completion-ratio: the time until all are in, divided by the time of the hashes, as measured
//     during the storm, on half of the CPUs;
//   - p95-ratio: the 95th percentile of the inquiries during the storm, divided by that before.
func BenchmarkLoginStorm(b *testing.B) {
	locally(b)
	first := lastSeeded() + 1
	if err := whole.system.RunApp(b.Context(), auth, "seed-demo", "--users", strconv.Itoa(lastSeeded()+*stormLogins)); err != nil {
		b.Fatal(err)
	}
	customers := residentsWithBill(b, 4)
	for b.Loop() {
		before := inquiries(customers)
		awaitSuccesses(b, before, 2_000)
		usual := before.Stop()
		beside := inquiries(customers)
		hashes, seconds := hashed(b)
		s := &storm{b: b, transport: elsewhereTransport(b), start: time.Now(), tries: make(map[int]int)}
		s.run(first)
		during := beside.Stop()
		moreHashes, moreSeconds := hashed(b)
		s.report(traffic.Quantile(usual, 0.95), during, (moreSeconds-seconds)/(moreHashes-hashes))
	}
}

func (s *storm) run(first int) {
	var group sync.WaitGroup
	for n := range *stormLogins {
		group.Go(func() {
			<-time.After(rand.N(stormSpan))
			tries := s.login(fmt.Sprintf("loaduser%07d", first+n))
			s.mu.Lock()
			defer s.mu.Unlock()
			s.tries[tries]++
			s.last = max(s.last, time.Since(s.start))
		})
	}
	group.Wait()
}

// login logs in until that succeeds, and returns the number of tries.
func (s *storm) login(userID string) (tries int) {
	client := api.New(whole.url(), s.transport)
	for tries = 1; ; tries++ {
		answer := client.Login(userID, password)
		if answer.Succeeded() {
			return tries
		}
		seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		if answer.Status != http.StatusTooManyRequests || err != nil || tries == 10 {
			s.b.Errorf("try %d: %s", tries, answer.String())
			return tries
		}
		<-time.After(time.Duration(seconds) * time.Second)
	}
}

// report reports the metrics. hash is the mean duration of a hash in seconds.
func (s *storm) report(usual time.Duration, during []traffic.Call, hash float64) {
	s.b.Helper()
	wantNoFailures(s.b, during)
	slots := max(1, runtime.GOMAXPROCS(0)/2)
	ideal := max(stormSpan.Seconds(), hash*float64(*stormLogins)/float64(slots))
	most := 0
	for tries := range s.tries {
		most = max(most, tries)
	}
	p95 := traffic.Quantile(during, 0.95)
	s.b.ReportMetric(s.last.Seconds()/ideal, "completion-ratio")
	s.b.ReportMetric(p95.Seconds()/usual.Seconds(), "p95-ratio")
	s.b.ReportMetric(float64(most), "max-tries")
	s.b.ReportMetric(1000*hash, "ms/hash")
	s.b.ReportMetric(1.2, "max:completion-ratio")
	s.b.ReportMetric(2, "max:p95-ratio")
	s.b.ReportMetric(3, "max:max-tries")
	s.b.Logf("%d logins in %s, ideal %.1f s, by tries %v; 95th percentile of inquiries %s, before %s",
		*stormLogins, s.last.Round(time.Second/10), ideal, s.tries, p95, usual)
}

// hashed returns how many hashes the auth service has computed, and their total time.
func hashed(b *testing.B) (count, seconds float64) {
	b.Helper()
	for line := range strings.Lines(scrape(b, direct(auth, "/actuator/prometheus"))) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name {
		case "phonebill_auth_password_hash_seconds_count":
			count, _ = strconv.ParseFloat(value, 64)
		case "phonebill_auth_password_hash_seconds_sum":
			seconds, _ = strconv.ParseFloat(value, 64)
		}
	}
	return count, seconds
}
