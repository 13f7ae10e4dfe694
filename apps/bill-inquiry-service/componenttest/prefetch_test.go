package componenttest

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/kos/kostest"
)

// TestRefusalOfAPrefetchIsNotCached shows that a line can be opened between the login
// and the first inquiry.
func TestRefusalOfAPrefetchIsNotCached(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.RedisState)
	const unknown = "01099990001"
	c := w.login(unknown)
	event := fmt.Sprintf(`{"id":"1","type":"user.logged-in.v1","data":{"customerId":%q,"lines":[%q]}}`, kostest.CustomerOf(unknown), unknown)
	if got := c.do(http.MethodPost, "/events/user-logged-in", event); got.status != http.StatusOK {
		t.Fatalf("the event: %+v", got)
	}
	expect.Eventually(t, "the prefetches have ended", func() bool {
		return w.kos.Calls("bill-inquiry") == 2 && w.count("SELECT count(*) FROM kos_queue") == 0
	})
	for range 2 {
		if got := c.inquire(unknown, ""); got.code != "LINE_NOT_FOUND" {
			t.Errorf("got %+v", got)
		}
	}
	if calls := w.kos.Calls("bill-inquiry"); calls != 3 {
		t.Errorf("KOS was called %d times, want once more", calls)
	}
}

// TestLoginEventPrefetches delivers the event as the sidecar does.
func TestLoginEventPrefetches(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.RedisState)
	own := lines(1)[0]
	c := w.login(own)
	event := fmt.Sprintf(`{"id":"1","type":"user.logged-in.v1","data":{"customerId":%q,"lines":[%q]}}`, kostest.CustomerOf(own), own)
	for range 2 { // at least once
		if got := c.do(http.MethodPost, "/events/user-logged-in", event); got.status != http.StatusOK {
			t.Fatalf("the event: %+v", got)
		}
	}
	expect.Eventually(t, "the prefetches have ended", func() bool {
		return w.kos.Calls("bill-inquiry") == 2 && w.count("SELECT count(*) FROM kos_queue") == 0
	})
	for _, month := range []string{"", lastMonth()} {
		if got := c.inquire(own, month); got.status != http.StatusOK || got.data["stale"] != false {
			t.Errorf("got %+v", got)
		}
	}
	if got := c.do(http.MethodGet, "/api/v1/bills/menu", ""); got.data["stale"] != false || got.data["asOf"] == nil {
		t.Errorf("menu: %+v", got)
	}
	if bills, customers := w.kos.Calls("bill-inquiry"), w.kos.Calls("product-inquiry"); bills != 2 || customers != 0 {
		t.Errorf("KOS was called %d and %d times", bills, customers)
	}
}
