package componenttest

import (
	"net/http"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/expect"
)

// TestPlanChangeInvalidatesOnEveryReplica delivers the event to one of two replicas, as
// the sidecar does.
func TestPlanChangeInvalidatesOnEveryReplica(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.RedisState)
	other := *w
	other.start()
	c := w.login(line)
	ask := func(replica *world) {
		t.Helper()
		on := *c
		on.w = replica
		for _, month := range []string{"", lastMonth()} {
			if got := on.inquire(line, month); got.status != http.StatusOK {
				t.Errorf("got %+v", got)
			}
		}
	}
	ask(w)
	ask(&other)
	w.expectCalls(2, "two months on two replicas")

	event := `{"id":"1","type":"product.changed.v1","data":{"lineNumber":"01012345678"}}`
	if got := c.do(http.MethodPost, "/events/product-changed", event); got.status != http.StatusOK {
		t.Fatalf("the event: %+v", got)
	}
	expect.Eventually(t, "the other replica has evicted this month", func() bool {
		ask(&other)
		return w.kos.Calls("bill-inquiry") == 3
	})
	ask(w)
	// While L2 has the tombstone it stores nothing, and each replica calls KOS.
	if calls := w.kos.Calls("bill-inquiry"); calls > 4 {
		t.Errorf("KOS was called %d times in all", calls)
	}
}
