package componenttest

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/daprtest"
)

// Test lines of the mock: an active and a suspended one.
const (
	line      = "01012345678"
	suspended = "01000000000"
)

func thisMonth() string { return string(bill.MonthOf(time.Now())) }

// lastMonth returns a month whose bill is final.
func lastMonth() string { return string(monthsAgo(1)) }

// monthsAgo returns the month n months before the present one in Seoul, which may be ahead of the
// machine's.
func monthsAgo(n int) bill.Month {
	now := time.Now().In(bill.Seoul)
	return bill.MonthOf(time.Date(now.Year(), now.Month()-time.Month(n), 1, 0, 0, 0, 0, bill.Seoul))
}

// TestBillCostsOneCall runs with each kind of state store.
func TestBillCostsOneCall(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]stateStore{
		"redis": daprtest.RedisState, "sqlite": daprtest.SQLiteState, "postgresql": daprtest.PostgresState,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, store)
			c := w.login(line)

			var group sync.WaitGroup
			for range 100 {
				group.Go(func() {
					if got := c.inquire(line, lastMonth()); got.status != http.StatusOK {
						t.Errorf("first inquiries: %+v", got)
					}
				})
			}
			group.Wait()
			w.expectCalls(1, "a hundred first inquiries at once")

			if got := c.inquire("010-1234-5678", lastMonth()); got.status != http.StatusOK || got.data["stale"] != false {
				t.Errorf("second inquiry: %+v", got)
			}
			w.expectCalls(1, "the next inquiry")

			if got := c.inquire(line, ""); got.status != http.StatusOK {
				t.Errorf("this month: %+v", got)
			}
			w.expectCalls(2, "this month")

			for again := 1; !w.restartCostsNothing(c); again++ {
				if again == 3 {
					t.Fatal("the state store has no bill")
				}
			}
		})
	}
}

// restartCostsNothing restarts the service, which clears L1 but not L2, and reports
// whether its inquiries cost no call of KOS. It fails the test if they do although no
// write to L2 was late.
func (w *world) restartCostsNothing(c *customer) bool {
	w.t.Helper()
	const faults = "phonebill_cache_l2_faults_total"
	before, late := w.kos.Calls("bill-inquiry"), w.metric(faults)
	w.stop()
	w.start()
	for _, month := range []string{lastMonth(), thisMonth()} {
		if got := c.inquire(line, month); got.status != http.StatusOK {
			w.t.Errorf("after a restart, %s: %+v", month, got)
		}
	}
	asked := w.kos.Calls("bill-inquiry") - before
	if late += w.metric(faults); asked > 0 && late == 0 {
		w.t.Fatalf("after a restart KOS was called %d times more, and the store was never late", asked)
	}
	return asked == 0
}

func (w *world) expectCalls(want int, what string) {
	w.t.Helper()
	if got := w.kos.Calls("bill-inquiry"); got != want {
		w.t.Errorf("%s: KOS was called %d times in all, want %d", what, got, want)
	}
}

func TestFinalMonthIsServedFromTheArchive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.MemoryState)
	c := w.login(line)
	c.inquire(line, lastMonth())
	w.clearCaches()
	if got := c.inquire(line, lastMonth()); got.status != http.StatusOK || got.data["stale"] != false {
		t.Errorf("got %+v", got)
	}
	w.expectCalls(1, "a final month")
}

func TestHistoryRecordsInquiries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.RedisState)
	c := w.login(line)
	first := c.inquire(line, lastMonth())
	second := c.inquire(line, "")
	id := fmt.Sprint(second.data["requestId"])

	page := c.do(http.MethodGet, "/api/v1/bills/history?size=1", "")
	items, _ := page.data["items"].([]any)
	if len(items) != 1 || items[0].(map[string]any)["requestId"] != id {
		t.Errorf("newest item: %+v", page)
	}
	if pagination := page.data["pagination"].(map[string]any); pagination["totalItems"] != 2.0 || pagination["hasNext"] != true {
		t.Errorf("pagination: %v", pagination)
	}
	if got := c.do(http.MethodGet, "/api/v1/bills/inquiry/"+id, ""); got.data["status"] != "COMPLETED" || got.data["billInfo"] == nil {
		t.Errorf("result: %+v", got)
	}
	stranger := w.login("01087654321")
	for _, id := range []any{first.data["requestId"], second.data["requestId"]} {
		if got := stranger.do(http.MethodGet, fmt.Sprintf("/api/v1/bills/inquiry/%s", id), ""); got.status != http.StatusNotFound {
			t.Errorf("a stranger's result: %+v", got)
		}
	}
	var exchanges int
	if err := w.db.Pool.QueryRow(t.Context(), "SELECT count(*) FROM kos_exchange WHERE outcome = 'ANSWERED'").Scan(&exchanges); err != nil || exchanges != 2 {
		t.Errorf("%d exchanges on record, %v", exchanges, err)
	}
}

func TestKOSRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.RedisState)
	if got := w.login(suspended).inquire(suspended, ""); got.status != http.StatusConflict || got.code != "LINE_SUSPENDED" {
		t.Errorf("suspended line: %+v", got)
	}
	const unknown = "01099990000"
	if got := w.login(unknown).inquire(unknown, ""); got.status != http.StatusNotFound || got.code != "LINE_NOT_FOUND" {
		t.Errorf("unknown line: %+v", got)
	}
	if got := w.login(line).inquire("01087654321", ""); got.status != http.StatusForbidden || got.code != "LINE_NOT_ALLOWED" {
		t.Errorf("another user's line: %+v", got)
	}
}

func TestMenuFollowsTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.RedisState)
	got := w.login(line).do(http.MethodGet, "/api/v1/bills/menu", "")
	months, _ := got.data["availableMonths"].([]any)
	if len(months) == 0 || months[0] != thisMonth() || w.kos.Calls("bill-inquiry") != 1 || w.kos.Calls("product-inquiry") != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestKOSOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.MemoryState)
	c := w.login(line)
	if got := c.inquire(line, ""); got.status != http.StatusOK {
		t.Fatalf("before: %+v", got)
	}
	c.makeStale(line)
	w.kos.Behave("bill-inquiry", map[string]any{"outageSeconds": 600})
	if got := c.inquire(line, ""); got.status != http.StatusOK || got.data["stale"] != true {
		t.Errorf("a bill seen before: %+v", got)
	}
	if got := c.inquire(line, lastMonth()); got.status != http.StatusServiceUnavailable || got.code != "KOS_UNAVAILABLE" {
		t.Errorf("a bill never seen: %+v", got)
	}
}

// clearCaches restarts the service, which clears L1, and the sidecar, which clears an L2
// that is in its memory. The archive remains.
func (w *world) clearCaches() {
	w.t.Helper()
	w.stop()
	w.dapr.Kill()
	w.dapr.Restart()
	w.start()
}

func TestCacheOutageFailsNoInquiry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.RedisState)
	c := w.login(line)
	c.inquire(line, "") // caches the session
	w.dapr.Kill()
	if got := c.inquire(line, ""); got.status != http.StatusOK {
		t.Errorf("a bill in L1 without a sidecar: %+v", got)
	}
	w.dapr.Restart()
	if got := c.inquire(line, lastMonth()); got.status != http.StatusOK {
		t.Errorf("after the sidecar came back: %+v", got)
	}
}
