package componenttest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
)

// BenchmarkWarmInquiry measures inquiries that are answered from L1, with all that a
// customer's inquiry has: token, session, ownership, committed history, metrics and log
// record. A bare net/http handler that returns the same bytes takes turns with the
// service in the same process, so that load of the machine affects both alike. A round
// is one turn of each; the results are medians of the rounds:
//
//	ratio             throughput of the service divided by that of the bare handler
//	service-req/s     requests a second
//	service-allocs    allocations of the process for each request; the clients make none
//	own-allocs        service-allocs without those of the bare handler
//	service-cpu-µs    CPU time of the process for each request, clients included
//	database-cpu-µs   CPU time of PostgreSQL for each request of the service
//	cpu-ratio         CPU time of the bare handler divided by that of service and database.
//	                  Other load affects it less than it affects ratio
//
// Run only it, with 5 rounds:
//
//	make bench ONLY="-bench=WarmInquiry -benchtime=5x ./apps/bill-inquiry-service/componenttest"
func BenchmarkWarmInquiry(b *testing.B) {
	goals := map[int]float64{64: 0.40, 256: 0.50} // by number of clients
	for _, clients := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("%d-clients", clients), func(b *testing.B) {
			w := newLoggingWorld(b)
			request := inquiryRequest(w.login(line).token)
			service := newSwarm(b, w.server.Addr(), clients, request)
			body := service.warmUp(b)
			bare := httptest.NewServer(bareHandler(body))
			b.Cleanup(bare.Close)
			measure(b, w, newSwarm(b, bare.Listener.Addr().String(), clients, request), service)
			b.ReportMetric(25, "max:own-allocs")
			if least, ok := goals[clients]; ok {
				b.ReportMetric(least, "min:ratio")
			}
		})
	}
}

// newLoggingWorld returns a world whose service has no connection pooler, as in the local
// system, and writes its log records to a file.
func newLoggingWorld(b *testing.B, environ ...string) *world {
	b.Helper()
	log, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = log
	defer func() { os.Stdout = stdout }()
	w, opts := prepare(b, daprtest.RedisState)
	w.environ, w.unpooled = append(environ, "LOG_LEVEL=INFO"), true
	w.dapr = daprtest.Start(b, opts)
	w.start()
	return w
}

func bareHandler(body []byte) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		buffer := make([]byte, 512)
		for {
			if _, err := r.Body.Read(buffer); err != nil {
				break
			}
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = rw.Write(body)
	})
}

func inquiryRequest(token string) []byte { return inquiryOf(line, token) }

// inquiryOf returns an inquiry of a line's bill of this month.
func inquiryOf(line, token string) []byte {
	body := `{"lineNumber":"` + line + `"}`
	return []byte("POST /api/v1/bills/inquiry HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: application/json\r\n" +
		"Authorization: Bearer " + token + "\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}

// measure runs a round for each iteration of b and reports the results.
func measure(b *testing.B, w *world, bare, service *swarm) {
	b.Helper()
	var ratios, cpuRatios, databases []float64
	var bares, services usages
	for b.Loop() {
		theirs := bare.turn(b)
		before := w.databaseTime(b)
		ours := service.turn(b)
		database := (w.databaseTime(b) - before) / ours.requests
		bares, services, databases = append(bares, theirs), append(services, ours), append(databases, database)
		ratios = append(ratios, theirs.took/ours.took)
		cpuRatios = append(cpuRatios, theirs.cpu/(ours.cpu+database))
	}
	b.ReportMetric(0, "ns/op") // a round is no operation of interest
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(median(cpuRatios), "cpu-ratio")
	allocs := func(u usage) float64 { return u.allocs }
	b.ReportMetric(services.median(allocs)-bares.median(allocs), "own-allocs")
	b.ReportMetric(1e6*median(databases), "database-cpu-µs")
	for name, all := range map[string]usages{"bare": bares, "service": services} {
		b.ReportMetric(1/all.median(func(u usage) float64 { return u.took }), name+"-req/s")
		b.ReportMetric(all.median(allocs), name+"-allocs")
		b.ReportMetric(1e6*all.median(func(u usage) float64 { return u.cpu }), name+"-cpu-µs")
	}
}

// databaseTime returns the CPU time that the processes of PostgreSQL have used, in
// seconds.
func (w *world) databaseTime(b *testing.B) (total float64) {
	b.Helper()
	rows, err := w.db.Pool.Query(b.Context(), "SELECT pid FROM pg_stat_activity")
	if err != nil {
		b.Fatal(err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		b.Fatal(err)
	}
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid)) // nanoseconds first
		var nanoseconds float64
		if _, scanErr := fmt.Sscan(string(text), &nanoseconds); err == nil && scanErr == nil { // else it has ended
			total += nanoseconds / 1e9
		}
	}
	return total
}

// usage is what the requests of a turn have used, each on average.
type usage struct {
	requests float64 // in the turn
	took     float64 // seconds of the turn
	cpu      float64 // seconds
	allocs   float64
}

type usages []usage

func (all usages) median(of func(usage) float64) float64 {
	values := make([]float64, len(all))
	for i, u := range all {
		values[i] = of(u)
	}
	return median(values)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// swarm is a number of clients of one server. Each has a connection of its own.
type swarm struct {
	clients []*client
	request []byte
}

func newSwarm(b *testing.B, address string, clients int, request []byte) *swarm {
	b.Helper()
	s := &swarm{request: request}
	for range clients {
		s.clients = append(s.clients, dial(b, address))
	}
	return s
}

// warmUp sends a request from each client and returns the body of a response.
func (s *swarm) warmUp(b *testing.B) []byte {
	b.Helper()
	var body []byte
	for _, c := range s.clients {
		got, err := c.do(s.request)
		if err != nil {
			b.Fatal(err)
		}
		body = slices.Clone(got)
	}
	if !strings.Contains(string(body), `"success":true`) {
		b.Fatalf("got %s", body)
	}
	return body
}

// turnTime is the duration of a turn.
const turnTime = 500 * time.Millisecond

// turn sends requests for turnTime and returns the usage of each.
func (s *swarm) turn(b *testing.B) usage {
	b.Helper()
	runtime.GC() // the garbage of the other side
	counts := make([]int, len(s.clients))
	before, start := consumed(b), time.Now()
	var group sync.WaitGroup
	for i, c := range s.clients {
		group.Go(func() {
			for time.Since(start) < turnTime {
				if _, err := c.do(s.request); err != nil {
					b.Error(err)
					return
				}
				counts[i]++
			}
		})
	}
	group.Wait()
	took, after := time.Since(start).Seconds(), consumed(b)
	requests := 0.0
	for _, n := range counts {
		requests += float64(n)
	}
	return usage{requests, took / requests, (after.cpu - before.cpu) / requests, (after.allocs - before.allocs) / requests}
}

// consumed returns what the process has used since its start.
func consumed(b *testing.B) usage {
	b.Helper()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	var process syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &process); err != nil {
		b.Fatal(err)
	}
	cpu := time.Duration(process.Utime.Nano() + process.Stime.Nano())
	return usage{cpu: cpu.Seconds(), allocs: float64(memory.Mallocs)}
}
