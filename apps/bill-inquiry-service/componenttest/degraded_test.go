package componenttest

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/kos/kostest"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// newLimited starts the service with a burst of one call.
func newLimited(t *testing.T, environ ...string) *world {
	t.Helper()
	w, opts := prepare(t, daprtest.RedisState)
	w.environ = append([]string{"KOS_BILL_INQUIRY_PER_MINUTE=12"}, environ...) // one at a time, one in 5.5 s
	w.dapr = daprtest.Start(t, opts)
	w.start()
	return w
}

func TestStaleBillWithinASecond(t *testing.T) {
	t.Parallel()
	w := newLimited(t)
	own := lines(2)
	c := w.login(own[0])
	if got := c.inquire(own[0], ""); got.status != http.StatusOK {
		t.Fatalf("got %+v", got)
	}
	if _, err := w.db.Pool.Exec(t.Context(), "UPDATE kos_budget SET full_at = full_at + interval '2 seconds'"); err != nil {
		t.Fatal(err)
	}
	c.makeStale(own[0])
	got := c.inquire(own[0], "")
	if got.status != http.StatusOK || got.data["stale"] != true || got.took > time.Second+busy {
		t.Errorf("the limit is spent: %+v", got)
	}
	expect.Eventually(t, "the refreshed bill is served", func() bool { return c.inquire(own[0], "").data["stale"] == false })
	if calls := w.kos.Calls("bill-inquiry"); calls != 2 {
		t.Errorf("KOS was called %d times", calls)
	}
}

// makeStale removes this month's bill of a line from the caches and sets its age in the
// archive to an hour.
func (c *customer) makeStale(line string) {
	w := c.w
	w.t.Helper()
	archive := postgres.NewArchive(w.db.Pool, w.keys.Keyring())
	own := bill.Subscription{Customer: kostest.CustomerOf(line), Line: msisdn.Number(line)}
	old, err := archive.Find(w.t.Context(), own, bill.MonthOf(time.Now()))
	if err != nil {
		w.t.Fatal(err)
	}
	event := fmt.Sprintf(`{"id":"1","type":"product.changed.v1","data":{"lineNumber":%q}}`, line)
	if got := c.do(http.MethodPost, "/events/product-changed", event); got.status != http.StatusOK {
		w.t.Fatalf("the event: %+v", got)
	}
	for _, table := range []string{"customer_bill", "bill_archive"} { // the latter has the invalidation
		if _, err := w.db.Pool.Exec(w.t.Context(), "DELETE FROM "+table+" WHERE line_number = $1", line); err != nil {
			w.t.Fatal(err)
		}
	}
	old.AsOf = old.AsOf.Add(-time.Hour)
	if err := archive.Store(w.t.Context(), old); err != nil {
		w.t.Fatal(err)
	}
}

func TestOpenBreakerIsAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.RedisState)
	w.kos.Behave("bill-inquiry", map[string]any{"outageSeconds": 600})
	var took []time.Duration
	var c *customer
	all := lines(40)
	for i, own := range all {
		c = w.login(own)
		got := c.inquire(own, "")
		if got.status != http.StatusServiceUnavailable || got.code != "KOS_UNAVAILABLE" || got.header.Get("Retry-After") == "" {
			t.Errorf("got %+v", got)
		}
		if i >= 10 { // by then the breaker is open
			took = append(took, got.took)
		}
	}
	slices.Sort(took)
	t.Logf("median %s", took[len(took)/2])
	if median := took[len(took)/2]; median > 250*time.Millisecond { // 50 ms, on a machine of its own
		t.Errorf("the median is %s", median)
	}
	if calls := w.kos.Calls("bill-inquiry"); calls > 6 {
		t.Errorf("KOS was called %d times", calls)
	}
	// An asynchronous inquiry is queued also during an outage.
	if got := c.inquireAsync(all[len(all)-1], ""); got.status != http.StatusAccepted {
		t.Errorf("got %+v", got)
	}
}

func TestNegativeAnswerIsCachedBriefly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.RedisState)
	const unknown = "01099990000"
	for own, code := range map[string]string{suspended: "LINE_SUSPENDED", unknown: "LINE_NOT_FOUND"} {
		c, before := w.login(own), w.kos.Calls("bill-inquiry")
		for range 10 {
			if got := c.inquire(own, ""); got.code != code || got.status == http.StatusServiceUnavailable {
				t.Errorf("got %+v", got)
			}
		}
		if calls := w.kos.Calls("bill-inquiry") - before; calls != 1 {
			t.Errorf("%s: KOS was called %d times", code, calls)
		}
		event := fmt.Sprintf(`{"id":"1","type":"product.changed.v1","data":{"customerId":%q,"lineNumber":%q}}`, kostest.CustomerOf(own), own)
		if got := c.do(http.MethodPost, "/events/product-changed", event); got.status != http.StatusOK {
			t.Fatalf("the event: %+v", got)
		}
		c.inquire(own, "")
		if calls := w.kos.Calls("bill-inquiry") - before; calls < 2 || calls > 3 { // the invalidation may arrive twice
			t.Errorf("%s: after the line changed KOS was called %d times", code, calls)
		}
	}
}

// TestLoweredRateLimitOfKOS lowers KOS's rate limit far below the configured one, and
// raises it again.
func TestLoweredRateLimitOfKOS(t *testing.T) {
	t.Parallel()
	w, opts := prepare(t, daprtest.RedisState)
	w.environ = []string{"KOS_BILL_INQUIRY_PER_MINUTE=480"}
	w.dapr = daprtest.Start(t, opts)
	w.start()
	w.kos.Behave("bill-inquiry", map[string]any{"limitPerMinute": 20})
	var clients sync.WaitGroup
	for _, own := range lines(60) {
		c := w.login(own)
		clients.Go(func() {
			if got := c.inquireAsync(own, ""); got.status != http.StatusAccepted {
				t.Errorf("got %+v", got)
			}
		})
	}
	clients.Wait()
	const share = "SELECT (100 * min(share))::int FROM kos_budget WHERE endpoint = 'bill-inquiry'"
	expect.Eventually(t, "the rate has fallen", func() bool { return w.count(share) < 100 })
	if refused := w.metric("phonebill_kos_throttled_total"); refused > 60 {
		t.Errorf("KOS refused %v calls", refused)
	}
	w.kos.Behave("bill-inquiry", map[string]any{})
	const later = "UPDATE kos_budget SET full_at = full_at - interval '1 minute', share_at = share_at - interval '1 minute'"
	for range 10 { // as if as many minutes had passed
		if _, err := w.db.Pool.Exec(t.Context(), later); err != nil {
			t.Fatal(err)
		}
	}
	expect.Eventually(t, "all inquiries are completed", func() bool {
		return w.count("SELECT count(*) FROM inquiry_request WHERE status = 'COMPLETED'") == 60
	})
	expect.Eventually(t, "the rate is the configured one", func() bool { return w.gauge("phonebill_kos_budget_share_ratio") == 1 })
}

// gauge returns the least value of a gauge over all its labels.
func (w *world) gauge(name string) float64 {
	w.t.Helper()
	families, err := w.metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	least := 1e9
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			least = min(least, m.GetGauge().GetValue())
		}
	}
	return least
}
