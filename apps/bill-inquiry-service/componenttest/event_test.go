package componenttest

import (
	"net/http"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
)

// TestPlanChangeInvalidatesOnEveryReplica has the event reach one of two replicas,
// as a broker would.
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
	eventually(t, "the replica that was not told has forgotten this month", func() bool {
		ask(&other)
		return w.kos.Calls("bill-inquiry") == 3
	})
	ask(w)
	// For a moment the level they share takes nothing, since it may be old:
	// then each replica asks for itself.
	if calls := w.kos.Calls("bill-inquiry"); calls > 4 {
		t.Errorf("KOS was called %d times in all", calls)
	}
}
