package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/e2e/internal/fuzz"
	"github.com/phonebill/phonebill/dev/internal/traffic"
	"github.com/phonebill/phonebill/dev/openapitest"
	"github.com/phonebill/phonebill/dev/openapitest/access"
	"github.com/phonebill/phonebill/dev/system"
)

var (
	fuzzSeed     = flag.Uint64("seed", 1, "`number` from which all requests of TestFuzzClient follow")
	fuzzRequests = flag.Int("requests", 20_000, "how many `requests` TestFuzzClient sends through the ingress")
	fuzzFirst    = flag.Int("first", 0, "the `number` of the first of them; with -requests=1, one is sent alone")
)

const (
	fuzzWorkers = 16
	// directShare is the number of requests through the ingress per request to a service directly.
	directShare = 4
)

// TestFuzzClient sends valid and mutated requests to every operation of the OpenAPI documents,
// through the ingress and directly. No answer may be 5xx or deviate from its document, no service
// may log a fault, and other customers must not be affected.
func TestFuzzClient(t *testing.T) {
	locally(t)
	disruptive(t) // the admin API of the mock is among the routes
	t.Logf("replay: make fuzz-client SEED=%d REQUESTS=%d", *fuzzSeed, *fuzzRequests)
	customers := residentsWithBill(t, 2)
	before := newCondition(t)
	beside := traffic.Start(len(customers), 100*time.Millisecond, func(worker int) traffic.Call {
		start, c := time.Now(), customers[worker]
		answer := c.Inquire(c.Line, "")
		return newCall(start, answer, answer.Data.RequestID)
	})
	w := newFuzzWorld(t)
	through := w.run(t, "through the ingress", throughIngress(t, w))
	w.run(t, "directly", directly(t, w, false))
	wantNoFailures(t, beside.Stop())
	before.unchanged(t)
	w.run(t, "to the switches of KOS", directly(t, w, true))

	if *fuzzRequests < 10_000 {
		return // too few requests to reach everything
	}
	for _, operation := range unreached(through) {
		t.Errorf("no request to %s succeeded: %v", operation, through.Reached[operation])
	}
}

// run performs a run, reports its faults, and maintains the callers meanwhile.
func (w *fuzzWorld) run(t *testing.T, how string, r *fuzz.Run) fuzz.Report {
	t.Helper()
	var report fuzz.Report
	start, done := time.Now(), make(chan struct{})
	go func() {
		defer close(done)
		report = r.Do(t.Context())
	}()
	w.tend(t, done)
	t.Logf("%s: %d requests in %s, the slowest %s, answered %v; %d callers replaced", how, report.Requests,
		time.Since(start).Round(time.Second), report.Slowest.Round(time.Millisecond), report.Statuses, w.replaced)
	for _, fault := range report.Faults {
		t.Errorf("%s: %s", how, fault)
	}
	if report.Requests < r.Requests {
		t.Errorf("%s: only %d requests of %d", how, report.Requests, r.Requests)
	}
	return report
}

// unreached returns the operations that should have succeeded at least once and have not.
func unreached(report fuzz.Report) []string {
	var missing []string
	for name, statuses := range report.Reached {
		if _, hidden := statuses[http.StatusNotFound]; hidden && len(statuses) == 1 {
			continue // not routed by the ingress
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(statuses)), func(status int) bool { return status/100 == 2 }) {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return missing
}

// weights are for operations that are expensive, or that invalidate callers.
var weights = map[string]float64{
	"POST /api/v1/auth/login": 0.5, "POST /api/v1/auth/register": 0.5, "POST /api/v1/auth/change-password": 0.4,
	"POST /api/v1/auth/logout": 0.3, "POST /api/v1/auth/refresh": 0.5, "DELETE /api/v1/auth/sessions/{sessionId}": 0.4,
}

// hiddenWeight is the weight of operations that the ingress does not route.
const hiddenWeight = 0.05

// throughIngress returns a run against the public API.
func throughIngress(t *testing.T, w *fuzzWorld) *fuzz.Run {
	t.Helper()
	host := strings.TrimPrefix(whole.url(), "http://")
	var operations []fuzz.Operation
	for _, app := range apps {
		for _, operation := range described(t, app) {
			weight := weights[operation.Name()]
			if !operation.Rule.Routed() {
				weight = hiddenWeight
			}
			operations = append(operations, fuzz.Operation{Operation: operation, Service: string(app), Weight: weight})
		}
	}
	return &fuzz.Run{
		Generator: fuzz.Generator{Seed: *fuzzSeed, Operations: operations, Framing: true},
		First:     *fuzzFirst, Requests: *fuzzRequests, Workers: fuzzWorkers, World: w.world, After: w.after,
		Host:  func(string) string { return host },
		Dial:  func(string) fuzz.Dial { return dialFromElsewhere(host) },
		Judge: &fuzz.Judge{Documents: openapitest.Load(t, slices.Collect(maps.Values(whole.docs))...)},
	}
}

// directly returns a run against the services themselves: either the admin API of the mock, or
// everything else.
func directly(t *testing.T, w *fuzzWorld, switches bool) *fuzz.Run {
	t.Helper()
	var operations []fuzz.Operation
	for _, app := range apps {
		all := described(t, app)
		shared, err := access.Operations([]byte(platform))
		if err != nil {
			t.Fatal(err)
		}
		for _, operation := range append(all, shared...) {
			if operation.Path == "/admin/lines/move" {
				continue // it would move the lines of demo users
			}
			if strings.HasPrefix(operation.Path, "/admin/") == switches {
				operations = append(operations, fuzz.Operation{Operation: operation, Service: string(app), Weight: weights[operation.Name()]})
			}
		}
	}
	host := func(service string) string { return fmt.Sprintf("127.0.0.1:%d", portOf[system.Role(service)]) }
	requests := *fuzzRequests / directShare
	if switches {
		requests /= directShare
	}
	return &fuzz.Run{
		Generator: fuzz.Generator{Seed: *fuzzSeed, Operations: operations, Framing: true},
		Requests:  requests, Workers: fuzzWorkers, World: w.inside, After: w.after, Host: host,
		Dial:  func(service string) fuzz.Dial { return dialFromElsewhere(host(service)) },
		Judge: &fuzz.Judge{Documents: openapitest.Load(t, append(slices.Collect(maps.Values(whole.docs)), []byte(platform))...), Direct: true},
	}
}

func described(t *testing.T, app system.Role) []access.Operation {
	t.Helper()
	operations, err := access.Operations(whole.docs[app])
	if err != nil {
		t.Fatal(err)
	}
	return operations
}

// platform describes the operations that every service has.
const platform = `
openapi: 3.1.0
info: {title: platform, version: "1"}
paths:
  /actuator/health: {get: {x-access: unrouted, responses: &any {default: {description: any, content: {application/json: {}, text/plain: {}, application/yaml: {}}}}}}
  /actuator/health/readiness: {get: {x-access: unrouted, responses: *any}}
  /actuator/prometheus: {get: {x-access: unrouted, responses: *any}}
  /openapi.yaml: {get: {x-access: unrouted, responses: *any}}
`

// fuzzAddresses counts source addresses, because failures are throttled by address.
var fuzzAddresses atomic.Uint32

func dialFromElsewhere(host string) fuzz.Dial {
	return func(ctx context.Context) (net.Conn, error) {
		n := fuzzAddresses.Add(1)
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 2, byte(n>>8), byte(n))}}
		return dialer.DialContext(ctx, "tcp", host)
	}
}

// condition is the state of the services.
type condition struct {
	faults     map[system.Role]int // number of fault records in the log
	goroutines map[system.Role]int
}

func newCondition(t *testing.T) condition {
	t.Helper()
	c := condition{map[system.Role]int{}, map[system.Role]int{}}
	for _, app := range apps {
		c.faults[app], c.goroutines[app] = len(faults(t, app)), goroutines(t, app)
	}
	return c
}

// faults returns the fault records in a service's log.
func faults(t *testing.T, app system.Role) []string {
	t.Helper()
	lines, err := logLines(app)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, line := range lines {
		var r record
		if json.Unmarshal(line, &r) == nil && r.Level == "ERROR" {
			found = append(found, string(line))
		}
	}
	return found
}

func goroutines(t *testing.T, app system.Role) (n int) {
	t.Helper()
	_, value, _ := strings.Cut(scrape(t, direct(app, "/actuator/prometheus")), "\ngo_goroutines ")
	if _, err := fmt.Sscan(value, &n); err != nil {
		t.Fatalf("%s: goroutines metric is missing: %v", app, err)
	}
	return n
}

// maxGrowth is the tolerated growth of the number of goroutines.
const maxGrowth = 100

// unchanged checks that no service has logged a fault or leaks goroutines.
func (c condition) unchanged(t *testing.T) {
	t.Helper()
	for _, app := range apps {
		logged := faults(t, app)[c.faults[app]:]
		for i, line := range logged {
			if i == 20 {
				t.Errorf("%s: and %d more", app, len(logged)-i)
				break
			}
			t.Errorf("%s has logged a fault: %.1000s", app, line)
		}
		await(t, healTimeout, "the goroutines of "+string(app), func() error {
			if n := goroutines(t, app); n > c.goroutines[app]+maxGrowth {
				return errAwaited(fmt.Sprintf("%d, and before %d", n, c.goroutines[app]))
			}
			return nil
		})
	}
}
