package componenttest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// lines returns n lines of KOS's population that no other test has.
func lines(n int) []string {
	first := rand.IntN(1_000_000 - n)
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("0103%07d", first+i)
	}
	return all
}

// at returns the customer as seen by another replica.
func (c *customer) at(replica *world) *customer {
	there := *c
	there.w = replica
	return &there
}

func (c *customer) inquireAsync(line, month string) answer {
	c.w.t.Helper()
	return c.do(http.MethodPost, "/api/v1/bills/inquiry",
		fmt.Sprintf(`{"lineNumber":%q,"inquiryMonth":%q}`, line, month), "Prefer", "respond-async")
}

// months returns those that may be asked for, newest first.
func months() []bill.Month { return bill.Window{Months: 6}.Available(time.Now(), "") }

// busy is what a machine that other tests share may add to a time.
const busy = 2 * time.Second

// TestTwoHundredColdLinesAtOnce has two replicas asked for more than KOS allows
// them, one of which is stopped and started in between.
func TestTwoHundredColdLinesAtOnce(t *testing.T) { //nolint:paralleltest // needs a machine that answers in time
	const customers, perMinute = 200, 480
	replicas := newReplicas(t, "KOS_BILL_INQUIRY_PER_MINUTE="+strconv.Itoa(perMinute))
	kos, all := replicas[0].kos, lines(customers+1)
	kos.Behave("bill-inquiry", map[string]any{"limitPerMinute": perMinute})
	burst := bill.AtOnce(perMinute)

	var spent sync.WaitGroup // the burst, so that everybody waits
	waiting := map[string]*customer{}
	for _, own := range all[burst:customers] {
		waiting[own] = replicas[1].login(own)
	}
	greedyLine := all[customers]
	greedy := replicas[0].login(greedyLine)
	for i, own := range all[:burst] {
		c := replicas[i%2].login(own)
		spent.Go(func() { c.inquire(own, "") })
	}
	spent.Wait()
	var clients sync.WaitGroup
	var again, twice, stale atomic.Int32
	stopped := make(chan struct{})
	for i, own := range all[burst:customers] {
		c := waiting[own]
		clients.Go(func() {
			got := c.inquire(own, "")
			for tries := 0; got.status == http.StatusServiceUnavailable && got.code == "INQUIRY_IN_PROGRESS" && tries < 5; tries++ {
				again.Add(1)
				if tries > 0 {
					twice.Add(1)
				}
				after, err := strconv.Atoi(got.header.Get("Retry-After"))
				if err != nil || got.took > 8*time.Second+busy {
					t.Errorf("after %s: %+v", got.took, got)
				}
				<-time.After(time.Duration(after) * time.Second)
				if i%2 == 0 { // half of them come back to the other replica, once it is there
					<-stopped
					got = c.at(replicas[0]).inquire(own, "")
				} else {
					got = c.inquire(own, "")
				}
			}
			if got.status != http.StatusOK {
				t.Errorf("in the end: %+v", got)
			}
			if got.data["stale"] == true { // the stores of a busy machine were slow
				stale.Add(1)
			}
		})
	}
	eventually(t, "many wait", func() bool { return replicas[1].count("SELECT count(*) FROM waiting_fetch") > 50 })
	for _, month := range months() {
		if got := greedy.inquireAsync(greedyLine, string(month)); got.status != http.StatusAccepted && got.status != http.StatusOK {
			t.Errorf("six months of one line: %+v", got)
		}
	}
	replicas[0].stop()
	replicas[0].start()
	close(stopped)
	clients.Wait()
	t.Logf("%d clients had to come back, %d times in vain", again.Load(), twice.Load())
	if stale.Load() > customers/20 {
		t.Errorf("%d bills were said to be stale", stale.Load())
	}
	if twice.Load() > customers/10 {
		t.Errorf("%d times somebody was told to come back too early", twice.Load())
	}
	eventually(t, "nobody waits any more", func() bool {
		return replicas[0].count("SELECT count(*) FROM waiting_fetch") == 0
	})
	// KOS counts for itself, and refuses what is too much.
	if refused := replicas[0].count("SELECT count(*) FROM kos_exchange WHERE outcome = 'BUSY'"); refused != 0 {
		t.Errorf("KOS refused %d calls for having been asked too often", refused)
	}
	// What the stopped replica was about to ask is asked again by the other one.
	if calls := kos.Calls("bill-inquiry"); calls < customers+6 || calls > customers+6+5 {
		t.Errorf("KOS was called %d times for %d bills", calls, customers+6)
	}
	rows, err := replicas[0].db.Pool.Query(t.Context(), `
		SELECT n FROM (SELECT line_masked, row_number() OVER (ORDER BY at) AS n FROM kos_exchange) e WHERE line_masked = $1 ORDER BY n`,
		greedy.masked(greedyLine))
	if err != nil {
		t.Fatal(err)
	}
	turns, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil || len(turns) < 6 {
		t.Fatalf("the line that asked for six months had turns %v, %v", turns, err)
	}
	// Its first question has its turn among the others', the rest after them.
	if turns[len(turns)-5] < customers-5 {
		t.Errorf("the line that asked for six months had its turns at %v of %d", turns, customers+6)
	}
}

// masked returns a line as operators see it.
func (*customer) masked(line string) string { return line[:3] + "-****-" + line[7:] }

// count returns what a query counts.
func (w *world) count(sql string) (n int) {
	w.t.Helper()
	if err := w.db.Pool.QueryRow(w.t.Context(), sql).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// newLimited starts the service with a budget of one call, and that is spent.
func newLimited(t *testing.T, environ ...string) *world {
	t.Helper()
	w, opts := prepare(t, daprtest.RedisState)
	w.environ = append([]string{"KOS_BILL_INQUIRY_PER_MINUTE=12"}, environ...) // one at a time, one in 5.5 s
	w.dapr = daprtest.Start(t, opts)
	w.start()
	return w
}

func TestAsynchronousInquiriesThroughAFullLine(t *testing.T) {
	t.Parallel()
	w := newLimited(t, "INQUIRY_QUEUE_LIMIT=3")
	own := lines(6)
	w.login(own[0]).inquire(own[0], "")
	var customers []*customer
	var places []float64
	for _, line := range own[1:4] {
		c := w.login(line)
		got := c.inquireAsync(line, "")
		if got.status != http.StatusAccepted || got.header.Get("Location") != "/api/v1/bills/inquiry/"+fmt.Sprint(got.data["requestId"]) {
			t.Fatalf("got %+v", got)
		}
		places = append(places, got.data["queuePosition"].(float64))
		customers = append(customers, c)
		c.location = got.header.Get("Location")
	}
	if !slices.IsSorted(places) || places[2] < 2 {
		t.Errorf("places %v", places)
	}
	refused := w.login(own[4]).inquire(own[4], "")
	if refused.status != http.StatusServiceUnavailable || refused.code != "OVERLOADED" || refused.header.Get("Retry-After") == "" {
		t.Errorf("beyond the line's room: %+v", refused)
	}
	for _, c := range customers {
		var got answer
		eventually(t, "the bill is there", func() bool {
			got = c.do(http.MethodGet, c.location, "")
			return got.data["status"] != "PROCESSING"
		})
		if got.data["status"] != "COMPLETED" || got.data["billInfo"] == nil || got.data["progress"] != 100.0 {
			t.Errorf("in the end: %+v", got)
		}
	}
}

func TestAnOlderAnswerWithinASecond(t *testing.T) {
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
	c.forgetLine(own[0])
	got := c.inquire(own[0], "")
	if got.status != http.StatusOK || got.data["stale"] != true || got.took > time.Second+busy {
		t.Errorf("the limit is spent: %+v", got)
	}
	eventually(t, "the fresher one is fetched", func() bool { return w.kos.Calls("bill-inquiry") == 2 })
	eventually(t, "it is answered", func() bool { return c.inquire(own[0], "").data["stale"] == false })
}

// forgetLine leaves of this month's bill of a line only what the archive has,
// as if KOS had told it an hour ago.
func (c *customer) forgetLine(line string) {
	w := c.w
	w.t.Helper()
	archive, own := postgres.NewArchive(w.db.Pool, w.keys.Keyring()), msisdn.Number(line)
	old, err := archive.Find(w.t.Context(), own, bill.MonthOf(time.Now()))
	if err != nil {
		w.t.Fatal(err)
	}
	event := fmt.Sprintf(`{"id":"1","type":"product.changed.v1","data":{"lineNumber":%q}}`, line)
	if got := c.do(http.MethodPost, "/events/product-changed", event); got.status != http.StatusOK {
		w.t.Fatalf("the event: %+v", got)
	}
	if _, err := w.db.Pool.Exec(w.t.Context(), "DELETE FROM bill_archive WHERE line_number = $1", line); err != nil {
		w.t.Fatal(err)
	}
	old.AsOf = old.AsOf.Add(-time.Hour)
	if err := archive.Keep(w.t.Context(), old); err != nil {
		w.t.Fatal(err)
	}
}

func TestAnOpenBreakerIsAnsweredAtOnce(t *testing.T) {
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
	// Who does not want to wait may do so in line.
	if got := c.inquireAsync(all[len(all)-1], ""); got.status != http.StatusAccepted {
		t.Errorf("got %+v", got)
	}
}

func TestKOSsNoIsKeptForAMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.RedisState)
	const unknown = "01099990000"
	for who, code := range map[string]string{suspended: "LINE_SUSPENDED", unknown: "LINE_NOT_FOUND"} {
		c, before := w.login(who), w.kos.Calls("bill-inquiry")
		for range 10 {
			if got := c.inquire(who, ""); got.code != code || got.status == http.StatusServiceUnavailable {
				t.Errorf("got %+v", got)
			}
		}
		if calls := w.kos.Calls("bill-inquiry") - before; calls != 1 {
			t.Errorf("%s: KOS was called %d times", code, calls)
		}
		event := fmt.Sprintf(`{"id":"1","type":"product.changed.v1","data":{"lineNumber":%q}}`, who)
		if got := c.do(http.MethodPost, "/events/product-changed", event); got.status != http.StatusOK {
			t.Fatalf("the event: %+v", got)
		}
		c.inquire(who, "")
		if calls := w.kos.Calls("bill-inquiry") - before; calls < 2 || calls > 3 { // it may hear of the change twice
			t.Errorf("%s: after the line changed KOS was called %d times", code, calls)
		}
	}
}

// TestKOSLowersItsLimit has KOS allow much less than was agreed, and then what
// was agreed again.
func TestKOSLowersItsLimit(t *testing.T) {
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
	eventually(t, "the rate has fallen", func() bool { return w.count(share) < 100 })
	if refused := w.metric("phonebill_kos_throttled_total"); refused > 60 {
		t.Errorf("KOS refused %v calls", refused)
	}
	w.kos.Behave("bill-inquiry", map[string]any{})
	const later = "UPDATE kos_budget SET full_at = full_at - interval '1 minute', share_at = share_at - interval '1 minute'"
	for range 10 { // as if so many minutes went by
		if _, err := w.db.Pool.Exec(t.Context(), later); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "everybody has the bill", func() bool {
		return w.count("SELECT count(*) FROM inquiry_request WHERE status = 'COMPLETED'") == 60
	})
	eventually(t, "the rate is what was agreed", func() bool { return w.gauge("phonebill_kos_budget_share_ratio") == 1 })
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

// A line may be opened between the login and the first question.
func TestWhatALoginFindsMissingIsAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.RedisState)
	const unknown = "01099990001"
	c := w.login(unknown)
	event := fmt.Sprintf(`{"id":"1","type":"user.logged-in.v1","data":{"lines":[%q]}}`, unknown)
	if got := c.do(http.MethodPost, "/events/user-logged-in", event); got.status != http.StatusOK {
		t.Fatalf("the event: %+v", got)
	}
	eventually(t, "everything is asked for", func() bool {
		return w.kos.Calls("bill-inquiry") == 2 && w.kos.Calls("product-inquiry") == 1 && w.count("SELECT count(*) FROM waiting_fetch") == 0
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

// TestALoginWarmsTheFirstClick has the event come as the sidecar delivers it.
func TestALoginWarmsTheFirstClick(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.RedisState)
	own := lines(1)[0]
	c := w.login(own)
	event := fmt.Sprintf(`{"id":"1","type":"user.logged-in.v1","data":{"lines":[%q]}}`, own)
	for range 2 { // at least once
		if got := c.do(http.MethodPost, "/events/user-logged-in", event); got.status != http.StatusOK {
			t.Fatalf("the event: %+v", got)
		}
	}
	eventually(t, "everything is fetched", func() bool {
		return w.kos.Calls("bill-inquiry") == 2 && w.kos.Calls("product-inquiry") == 1 && w.count("SELECT count(*) FROM waiting_fetch") == 0
	})
	for _, month := range []string{"", lastMonth()} {
		if got := c.inquire(own, month); got.status != http.StatusOK || got.data["stale"] != false {
			t.Errorf("got %+v", got)
		}
	}
	if got := c.do(http.MethodGet, "/api/v1/bills/menu", ""); got.data["stale"] != false || got.data["asOf"] == nil {
		t.Errorf("menu: %+v", got)
	}
	if bills, customers := w.kos.Calls("bill-inquiry"), w.kos.Calls("product-inquiry"); bills != 2 || customers != 1 {
		t.Errorf("KOS was called %d and %d times", bills, customers)
	}
}
