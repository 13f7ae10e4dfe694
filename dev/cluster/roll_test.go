package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// The load of a service is fifty requests a second: ten clients, five requests each.
const (
	clients = 10
	pace    = 200 * time.Millisecond
)

// rollTimeout bounds an upgrade including migrations.
const rollTimeout = 5 * time.Minute

// TestRoll upgrades and rolls back each service under a load of fifty requests a second, while KOS
// is called through the sidecars. No request fails. With -short it rolls only the service of production
// that TestPolicyChangeReplacesPods does not roll.
func TestRoll(t *testing.T) {
	rolled := services
	if testing.Short() {
		rolled = []string{portal}
	}
	for _, service := range rolled {
		t.Run(service, func(t *testing.T) {
			allSettled(t)
			before := revision(t, service)
			load, unseen := startLoad(t, service), startInquiries(t, service)
			roll(t, "upgrade", func(ctx context.Context) (string, error) {
				return helm(ctx, "upgrade", rollTimeout, service+".env.ROLL="+fmt.Sprint(time.Now().Unix()))
			})
			after := revision(t, service)
			if before == after {
				t.Errorf("the upgrade did not replace the pods, revision %s", before)
			}
			roll(t, "rollback", rollBack)
			if again := revision(t, service); again != before {
				t.Errorf("the rollback led to revision %s, want %s", again, before)
			}
			unseen.lossless(t)
			load.lossless(t)
		})
	}
}

// rollBack rolls back to the previous release.
func rollBack(ctx context.Context) (string, error) { return helm(ctx, "rollback", rollTimeout) }

// roll runs do under a load, logs its duration, and waits until every service has the pods that it
// wants: the load may have scaled it up.
func roll(t *testing.T, what string, do func(ctx context.Context) (string, error)) {
	t.Helper()
	start := time.Now()
	if _, err := do(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, overview(context.WithoutCancel(t.Context())))
	}
	t.Logf("%s took %s", what, time.Since(start).Round(time.Second))
	ctx := context.WithoutCancel(t.Context())
	for _, service := range services {
		await(t, 5*time.Minute, service+" is complete", func() error {
			wanted, err := kubectl(ctx, "get", "deployment", service, "--output=jsonpath={.spec.replicas}")
			if err != nil {
				return err
			}
			pods, err := strconv.Atoi(wanted)
			return errors.Join(err, complete(ctx, service, pods))
		})
	}
}

// allSettled waits until every service has exactly its pods.
func allSettled(t testing.TB) {
	t.Helper()
	allHave(t, leastReplicas)
}

// allHave is allSettled for another number of pods.
func allHave(t testing.TB, pods int) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	for _, service := range services {
		await(t, 5*time.Minute, service+" is complete", func() error { return complete(ctx, service, pods) })
	}
}

// complete returns nil if a service has exactly want pods, all ready, and none that is ending.
func complete(ctx context.Context, service string, want int) error {
	out, err := kubectl(ctx, "get", "pods", "--selector=app="+service, "--output=name")
	if n := len(strings.Fields(out)); err == nil && n != want {
		err = fmt.Errorf("%d pods, with those that end", n)
	}
	return errors.Join(err, settled(ctx, service, want))
}

// revision identifies the template of a service's newest pods.
func revision(t testing.TB, service string) string {
	t.Helper()
	pods, err := podsOf(t.Context(), service)
	if err != nil || len(pods) == 0 {
		t.Fatalf("%s has no pods: %v", service, err)
	}
	name := pods[0].name
	return name[:strings.LastIndex(name, "-")]
}

// load is a running load on a Service.
type load struct {
	*traffic.Traffic

	rate float64 // minimum rate in requests per second
}

// startLoad starts typical requests to a service, half of the clients with persistent connections,
// half with a new one each time.
func startLoad(t testing.TB, service string) load {
	t.Helper()
	ask := asker(t, service)
	keeping := &http.Transport{MaxIdleConnsPerHost: clients}
	fresh := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(keeping.CloseIdleConnections)
	running := traffic.Start(clients, pace, func(worker int) traffic.Call {
		transport := keeping
		if worker%2 == 0 {
			transport = fresh
		}
		start := time.Now()
		status, body := sendOver(transport, ask(worker))
		return traffic.Call{Start: start, Took: time.Since(start), OK: status/100 == 2, Status: status, Reason: body}
	})
	t.Cleanup(func() { running.Stop() })
	await(t, 30*time.Second, "the load runs", func() error {
		if n := len(running.Calls()); n < clients {
			return fmt.Errorf("%d calls so far", n)
		}
		return nil
	})
	return load{running, 0.9 * clients / pace.Seconds()}
}

// startInquiries starts inquiries of uncached bills if the KOS mock is rolled, each of which calls
// KOS through two sidecars. For other services it starts none.
func startInquiries(t testing.TB, service string) load {
	t.Helper()
	if service != kosMock {
		return load{}
	}
	const readers, first = 100, 100 // seeded users that no other test uses
	now := time.Now().In(time.FixedZone("KST", 9*60*60))
	tokens := make([]string, readers)
	for i := range tokens {
		userID, _ := seeded(first + i)
		tokens[i] = login(t, userID)
	}
	var asked atomic.Int64
	running := traffic.Start(1, pace, func(int) traffic.Call {
		n := int(asked.Add(1))
		_, line := seeded(first + n%readers)
		month := time.Date(now.Year(), now.Month()-time.Month(1+n/readers%5), 1, 0, 0, 0, 0, now.Location()).Format("2006-01")
		start := time.Now()
		status, body := send(request(http.MethodPost, address(bills)+"/api/v1/bills/inquiry", tokens[n%readers],
			`{"lineNumber":"`+line+`","inquiryMonth":"`+month+`"}`))
		return traffic.Call{Start: start, Took: time.Since(start), OK: status == http.StatusOK, Status: status, Reason: body}
	})
	t.Cleanup(func() { running.Stop() })
	return load{running, 0.5 / pace.Seconds()}
}

// asker returns typical requests of a service: cached reads, for the portal the first page of a customer
// who is logged in, or for the KOS mock token requests.
func asker(t testing.TB, service string) func(worker int) *http.Request {
	t.Helper()
	if service == kosMock {
		credentials := kosCredentials(t)
		return func(int) *http.Request {
			return request(http.MethodPost, address(kosMock)+"/api/kos/auth", "", credentials)
		}
	}
	tokens, lines := make([]string, clients), make([]string, clients)
	for i := range tokens {
		userID, line := seeded(i + 1)
		tokens[i], lines[i] = login(t, userID), line
	}
	return func(worker int) *http.Request {
		switch service {
		case bills:
			return request(http.MethodPost, address(bills)+"/api/v1/bills/inquiry", tokens[worker], `{"lineNumber":"`+lines[worker]+`"}`)
		case portal:
			home := request(http.MethodGet, address(portal)+"/", "", "")
			home.AddCookie(&http.Cookie{Name: "access", Value: tokens[worker]})
			return home
		case plans:
			return request(http.MethodGet, address(plans)+"/api/v1/products/customer?lineNumber="+lines[worker], tokens[worker], "")
		default:
			return request(http.MethodGet, address(auth)+"/api/v1/auth/verify", tokens[worker], "")
		}
	}
}

// request returns a request with an optional token and body.
func request(method, url, token, body string) *http.Request {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		panic(err) // the URL is ours
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

// lossless stops the load and fails the test for each failed request.
func (l load) lossless(t testing.TB) {
	t.Helper()
	if l.Traffic == nil {
		return
	}
	calls := l.Stop()
	failed := traffic.Failures(calls)
	took := calls[len(calls)-1].End().Sub(calls[0].Start)
	slowest := slices.MaxFunc(calls, func(a, b traffic.Call) int { return int(a.Took - b.Took) })
	t.Logf("%d requests in %s (%.0f a second), %d failed; median %s, slowest %s", len(calls), took.Round(time.Second),
		float64(len(calls))/took.Seconds(), len(failed), traffic.Median(calls), slowest.Took)
	for _, call := range failed[:min(len(failed), 10)] {
		t.Errorf("at %s, after %s: %d %.300s", call.Start.Format(time.TimeOnly), call.Took, call.Status, call.Reason)
	}
	if rate := float64(len(calls)) / took.Seconds(); rate < l.rate {
		t.Errorf("rate is %.1f requests a second, too low for a meaningful result", rate)
	}
}
