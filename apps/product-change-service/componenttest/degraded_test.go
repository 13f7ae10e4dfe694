package componenttest

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// What the archive has of a line is forgotten with every event about it, also
// one of another test's: where it matters there is no broker.

// reads are what a customer may ask for.
var reads = []string{"/api/v1/products/customer", "/api/v1/products/menu", "/api/v1/products/available"}

// wantAll reads everything and says whether it should be stale. Nobody waits
// longer than a second; the machine is shared with other tests.
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

// KOS does not answer at all: what was seen before is given after a moment, and
// what it says when it is well again takes its place.
func TestKOSHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{quickBreaker: true, forgetful: true, mute: true})
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

// The breaker is open: who asks for something new is told so at once, and does
// not spend KOS's limit meanwhile.
func TestNewQuestionsFailFastDuringAnOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{environ: []string{"KOS_PRODUCT_INQUIRY_PER_MINUTE=96"}})
	w.kos.Behave("product-inquiry", map[string]any{"outageSeconds": 600})
	c := w.login(standardLine)
	ask := func() (answer, time.Duration) {
		start := time.Now()
		got := c.do(http.MethodGet, "/api/v1/products/customer", "")
		return got, time.Since(start)
	}
	for range 2 { // five failures in a row, with the sidecar's repetitions
		if got, _ := ask(); got.status != http.StatusServiceUnavailable {
			t.Fatalf("got %+v", got)
		}
	}
	calls := w.kos.Calls("product-inquiry")
	quickest := time.Hour
	for range 50 { // an eighth of the limit would be gone after twelve
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

// The limit is spent: what is known is given, marked; who asks for something new
// is told when to come back.
func TestALimitThatIsSpent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{forgetful: true, mute: true, environ: []string{
		"KOS_PRODUCT_INQUIRY_PER_MINUTE=2", "KOS_PRODUCTS_PER_MINUTE=2", // one at once, one a minute
	}})
	c := w.login(premiumLine)
	c.wantAll(false)
	w.replicas[0].forget()
	c.wantAll(true)
	got := w.login(standardLine).do(http.MethodGet, "/api/v1/products/customer", "")
	if after, err := strconv.Atoi(got.header.Get("Retry-After")); got.code != "KOS_BUSY" || err != nil || after < 1 || after > 60 {
		t.Errorf("what is not known: %+v", got)
	}
	if calls := w.kos.Calls("product-inquiry"); calls != 1 {
		t.Errorf("KOS was asked %d times", calls)
	}
}

// KOS allows less than was agreed: one refusal is enough, and it is counted.
func TestALimitThatIsLowered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replicas: 2, environ: []string{"KOS_PRODUCT_INQUIRY_PER_MINUTE=96"}})
	w.kos.Behave("product-inquiry", map[string]any{"limitPerMinute": 1})
	if got := w.login(premiumLine).do(http.MethodGet, reads[0], ""); got.status != http.StatusOK {
		t.Fatalf("within the limit: %+v", got)
	}
	if got := w.login(standardLine).do(http.MethodGet, reads[0], ""); got.code != "KOS_BUSY" {
		t.Fatalf("beyond the limit: %+v", got)
	}
	calls := w.kos.Calls("product-inquiry")
	if got := w.login("01055554444").at(w.replicas[1]).do(http.MethodGet, reads[0], ""); got.code != "KOS_BUSY" {
		t.Errorf("at another replica: %+v", got)
	}
	if now := w.kos.Calls("product-inquiry"); now != calls {
		t.Errorf("it asked KOS %d times", now-calls)
	}
	const want = `
# HELP phonebill_kos_throttled_total Answers of KOS with status 429, by endpoint.
# TYPE phonebill_kos_throttled_total counter
phonebill_kos_throttled_total{endpoint="product-change"} 0
phonebill_kos_throttled_total{endpoint="product-change-status"} 0
phonebill_kos_throttled_total{endpoint="product-inquiry"} 1
phonebill_kos_throttled_total{endpoint="products"} 0
`
	if err := testutil.GatherAndCompare(w.replicas[0].metrics, strings.NewReader(want), "phonebill_kos_throttled_total"); err != nil {
		t.Error(err)
	}
}

// KOS's word that there is no such line is an answer: it is kept for a moment,
// and trips nothing.
func TestAnUnknownLineIsAnAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	unknown := w.login("01099990000")
	for range 10 {
		if got := unknown.do(http.MethodGet, reads[0], ""); got.status != http.StatusNotFound || got.code != "LINE_NOT_FOUND" {
			t.Fatalf("got %+v", got)
		}
	}
	if calls := w.kos.Calls("product-inquiry"); calls < 1 || calls > 3 { // they may take longer than it is kept
		t.Errorf("KOS was asked %d times", calls)
	}
	w.login(premiumLine).wantAll(false)
}
