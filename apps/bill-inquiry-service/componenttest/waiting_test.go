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
	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/expect"
)

// lines returns n lines of the mock's population that no other test uses.
func lines(n int) []string {
	first := rand.IntN(1_000_000 - n)
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("0103%07d", first+i)
	}
	return all
}

// at returns the customer with another replica to send requests to.
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

// months returns the months of the window, newest first.
func months() []bill.Month { return bill.Window{Months: 6}.Available(time.Now(), "") }

// busy is the delay that a machine shared with other tests may add.
const busy = 2 * time.Second

// TestTwoHundredColdLinesAtOnce sends more inquiries to two replicas than KOS's rate
// limit admits at once, and restarts one of the replicas meanwhile.
func TestTwoHundredColdLinesAtOnce(t *testing.T) { //nolint:paralleltest // needs a machine that answers in time
	const customers, perMinute = 200, 480
	replicas := newReplicas(t, daprtest.RedisState, daprtest.RedisPubSub(t, "pubsub"), "KOS_BILL_INQUIRY_PER_MINUTE="+strconv.Itoa(perMinute))
	kos, all := replicas[0].kos, lines(customers+1)
	kos.Behave("bill-inquiry", map[string]any{"limitPerMinute": perMinute})
	burst := bill.Burst(perMinute)

	var spent sync.WaitGroup // uses up the burst
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
				if i%2 == 0 { // half of the retries go to the restarted replica
					<-stopped
					got = c.at(replicas[0]).inquire(own, "")
				} else {
					got = c.inquire(own, "")
				}
			}
			if got.status != http.StatusOK {
				t.Errorf("in the end: %+v", got)
			}
			if got.data["stale"] == true { // a store was slow
				stale.Add(1)
			}
		})
	}
	expect.Eventually(t, "many wait", func() bool { return replicas[1].count("SELECT count(*) FROM kos_queue") > 50 })
	for _, month := range months() {
		if got := greedy.inquireAsync(greedyLine, string(month)); got.status != http.StatusAccepted && got.status != http.StatusOK {
			t.Errorf("six months of one line: %+v", got)
		}
	}
	replicas[0].stop()
	replicas[0].start()
	close(stopped)
	clients.Wait()
	t.Logf("%d retries, %d of them too early", again.Load(), twice.Load())
	if stale.Load() > customers/20 {
		t.Errorf("%d bills are stale", stale.Load())
	}
	if twice.Load() > customers/10 {
		t.Errorf("Retry-After was too short %d times", twice.Load())
	}
	expect.Eventually(t, "the queue is empty", func() bool {
		return replicas[0].count("SELECT count(*) FROM kos_queue") == 0
	})
	// The mock has its own rate limit, and refuses calls beyond it.
	if refused := replicas[0].count("SELECT count(*) FROM kos_exchange WHERE outcome = 'BUSY'"); refused != 0 {
		t.Errorf("KOS refused %d calls for their rate", refused)
	}
	// The other replica repeats the calls that the stopped one had not finished.
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
		t.Fatalf("the line with six months had turns %v, %v", turns, err)
	}
	// The first item of the line goes among those of the other lines, the rest after.
	if turns[len(turns)-5] < customers-5 {
		t.Errorf("the line with six months had its turns at %v of %d", turns, customers+6)
	}
}

// masked returns a line as operators see it.
func (*customer) masked(line string) string { return line[:3] + "-****-" + line[7:] }

// count returns the number that a query selects.
func (w *world) count(sql string) (n int) {
	w.t.Helper()
	if err := w.db.Pool.QueryRow(w.t.Context(), sql).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestAsynchronousInquiriesThroughAFullQueue(t *testing.T) {
	t.Parallel()
	w := newLimited(t, "INQUIRY_QUEUE_LIMIT=3")
	own := lines(6)
	w.login(own[0]).inquire(own[0], "")
	var customers []*customer
	var positions []float64
	for _, line := range own[1:4] {
		c := w.login(line)
		got := c.inquireAsync(line, "")
		if got.status != http.StatusAccepted || got.header.Get("Location") != "/api/v1/bills/inquiry/"+fmt.Sprint(got.data["requestId"]) {
			t.Fatalf("got %+v", got)
		}
		positions = append(positions, got.data["queuePosition"].(float64))
		customers = append(customers, c)
		c.location = got.header.Get("Location")
	}
	if !slices.IsSorted(positions) || positions[2] < 2 {
		t.Errorf("positions %v", positions)
	}
	refused := w.login(own[4]).inquire(own[4], "")
	if refused.status != http.StatusServiceUnavailable || refused.code != "OVERLOADED" || refused.header.Get("Retry-After") == "" {
		t.Errorf("beyond the capacity: %+v", refused)
	}
	for _, c := range customers {
		var got answer
		expect.Eventually(t, "the bill is there", func() bool {
			got = c.do(http.MethodGet, c.location, "")
			return got.data["status"] != "PROCESSING"
		})
		if got.data["status"] != "COMPLETED" || got.data["billInfo"] == nil || got.data["progress"] != 100.0 {
			t.Errorf("in the end: %+v", got)
		}
	}
}
