package componenttest

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/expect"
)

// Every event about a line invalidates its archived copy, also an event of another test:
// tests that need the copy run without a broker.

// reads are the paths that a customer reads.
var reads = []string{"/api/v1/products/customer", "/api/v1/products/menu", "/api/v1/products/available"}

// wantAll reads all paths and checks whether they are stale. A read takes a second at most,
// plus a margin for a shared machine.
func (c *customer) wantAll(stale bool) {
	c.t.Helper()
	for _, path := range reads {
		start := time.Now()
		got := c.do(http.MethodGet, path, "")
		if got.status != http.StatusOK || got.data["stale"] != stale || got.data["asOf"] == nil {
			c.t.Errorf("%s: %+v", path, got)
		}
		if took := time.Since(start); took > 5*time.Second { // not the 7 s that the patient wait
			c.t.Errorf("%s took %s", path, took)
		}
	}
}

// KOS hangs: stale copies are served after the soft timeout, and replaced when KOS answers
// again.
func TestKOSHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{quickBreaker: true, volatileL2: true, noBroker: true})
	c := w.login(premiumLine)
	c.wantAll(false)
	w.replicas[0].forget()
	for _, endpoint := range []string{"product-inquiry", "products"} {
		w.kos.Behave(endpoint, map[string]any{"hang": true})
	}
	c.wantAll(true)
	for _, endpoint := range []string{"product-inquiry", "products"} {
		w.kos.Behave(endpoint, map[string]any{})
	}
	w.eventually("it is fresh again", func() bool {
		for _, path := range reads {
			if c.do(http.MethodGet, path, "").data["stale"] != false {
				return false
			}
		}
		return true
	})
}

// While the breaker is open, reads without a copy fail at once and do not spend the budget.
func TestReadsWithoutACopyFailFastDuringAnOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{environ: []string{"KOS_PRODUCT_INQUIRY_PER_MINUTE=96"}})
	w.kos.Behave("product-inquiry", map[string]any{"outageSeconds": 600})
	c := w.login(standardLine)
	ask := func() (answer, time.Duration) {
		start := time.Now()
		got := c.do(http.MethodGet, "/api/v1/products/customer", "")
		return got, time.Since(start)
	}
	for range 2 { // five failures in a row, with the retries of the sidecar
		if got, _ := ask(); got.status != http.StatusServiceUnavailable {
			t.Fatalf("got %+v", got)
		}
	}
	calls := w.kos.Calls("product-inquiry")
	quickest := time.Hour
	for range 50 { // the burst would be spent after twelve
		got, took := ask()
		if got.code != "KOS_UNAVAILABLE" || got.header.Get("Retry-After") == "" {
			t.Fatalf("got %+v after %s", got, took)
		}
		quickest = min(quickest, took)
	}
	if quickest > 50*time.Millisecond {
		t.Errorf("the quickest of them took %s", quickest)
	}
	if now := w.kos.Calls("product-inquiry"); now != calls {
		t.Errorf("%d calls reached KOS", now-calls)
	}
}

// While the budget is spent, a copy of the last minutes is fresh; reads without a copy get
// the time when KOS has probably answered.
func TestSpentBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{volatileL2: true, noBroker: true, environ: []string{
		"KOS_PRODUCT_INQUIRY_PER_MINUTE=2", "KOS_PRODUCTS_PER_MINUTE=2", // one at once, one a minute
	}})
	c := w.login(premiumLine)
	c.wantAll(false)
	w.replicas[0].forget()
	c.wantAll(false)
	got := w.login(standardLine).do(http.MethodGet, "/api/v1/products/customer", "")
	if after, err := strconv.Atoi(got.header.Get("Retry-After")); got.code != "INQUIRY_IN_PROGRESS" || err != nil || after < 1 || after > 90 {
		t.Errorf("without a copy: %+v", got)
	}
	if calls := w.kos.Calls("product-inquiry"); calls != 1 {
		t.Errorf("KOS was called %d times", calls)
	}
}

// After one 429 of KOS all replicas slow down, and the 429 is counted.
func TestThrottledBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replicas: 2, environ: []string{"KOS_PRODUCT_INQUIRY_PER_MINUTE=96"}})
	w.kos.Behave("product-inquiry", map[string]any{"limitPerMinute": 1})
	if got := w.login(premiumLine).do(http.MethodGet, reads[0], ""); got.status != http.StatusOK {
		t.Fatalf("within the limit: %+v", got)
	}
	if got := w.login(standardLine).do(http.MethodGet, reads[0], ""); got.code != "INQUIRY_IN_PROGRESS" {
		t.Fatalf("beyond the limit: %+v", got)
	}
	calls := w.kos.Calls("product-inquiry")
	if got := w.login("01055554444").at(w.replicas[1]).do(http.MethodGet, reads[0], ""); got.code != "INQUIRY_IN_PROGRESS" {
		t.Errorf("at another replica: %+v", got)
	}
	if now := w.kos.Calls("product-inquiry"); now != calls {
		t.Errorf("it called KOS %d times", now-calls)
	}
	if n := w.throttled("product-inquiry"); n != 1 {
		t.Errorf("%v answers with status 429 were counted", n)
	}
	if n := w.throttled("product-change"); n != 0 {
		t.Errorf("%v were counted at another endpoint", n)
	}
}

// throttled returns how many answers of KOS with status 429 the replicas have counted.
func (w *world) throttled(endpoint string) (sum float64) {
	w.t.Helper()
	for _, replica := range w.replicas {
		families, err := replica.metrics.Gather()
		expect.NoError(w.t, err)
		for _, family := range families {
			if family.GetName() != "phonebill_kos_throttled_total" {
				continue
			}
			for _, metric := range family.GetMetric() {
				if metric.GetLabel()[0].GetValue() == endpoint {
					sum += metric.GetCounter().GetValue()
				}
			}
		}
	}
	return sum
}

// KOS's answer that there is no such line is cached briefly, and does not open the
// breaker.
func TestUnknownLineDoesNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	unknown := w.login("01099990000")
	for range 10 {
		if got := unknown.do(http.MethodGet, reads[0], ""); got.status != http.StatusNotFound || got.code != "LINE_NOT_FOUND" {
			t.Fatalf("got %+v", got)
		}
	}
	if calls := w.kos.Calls("product-inquiry"); calls < 1 || calls > 3 { // the reads may take longer than its lifetime
		t.Errorf("KOS was called %d times", calls)
	}
	w.login(premiumLine).wantAll(false)
}
