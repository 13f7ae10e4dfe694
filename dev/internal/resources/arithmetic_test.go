package resources

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestReadmeMatchesThePolicies compares the table of resiliency/README.md with the files.
func TestReadmeMatchesThePolicies(t *testing.T) {
	t.Parallel()
	var got []string
	for line := range strings.Lines(readText(t, "resiliency", "README.md")) {
		if strings.HasPrefix(line, "| `") && strings.Contains(line, ".yaml` |") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want := loadPolicies(t).table()
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("README.md (-want +got):\n%s\nwant:\n%s", diff, strings.Join(want, "\n"))
	}
}

// TestPausesAreConstant, because the arithmetic assumes it, and Dapr ignores the duration of an
// exponential policy.
func TestPausesAreConstant(t *testing.T) {
	t.Parallel()
	for name, r := range loadPolicies(t).retries {
		if r.Policy != "constant" || r.MaxRetries < 1 {
			t.Errorf("%s is %+v", name, r)
		}
	}
}

// TestCallerTimeoutsExceedThePolicies compares the timeouts of the services' code with the maximum
// duration in the sidecar: a cancelled call counts as a failure of the callee.
func TestCallerTimeoutsExceedThePolicies(t *testing.T) {
	t.Parallel()
	p := loadPolicies(t)
	bounds := map[string]struct{ file, constant string }{
		"session-store": {"sidecar/client.go", "callTimeout"},
		"cache-store":   {"sidecar/client.go", "callTimeout"},
		"secret-store":  {"sidecar/secrets.go", "secretTimeout"},
		"pubsub":        {"sidecar/publish.go", "publishTimeout"},
	}
	for _, target := range p.targets {
		bound, ok := bounds[target.name]
		switch {
		case strings.HasSuffix(target.name, inbound):
			continue // see TestRedeliveryExceedsProcessing
		case !ok:
			bound.file, bound.constant = "sidecar/invoke.go", "invokeTimeout"
		}
		if waits := duration(t, bound.file, bound.constant); waits <= p.longest(target) {
			t.Errorf("%s waits %s, and %s may take %s", bound.constant, waits, target.name, p.longest(target))
		}
	}
	if waits := duration(t, "cache/l2.go", "l2Timeout"); waits <= p.longest(p.of(t, "cache-store")) {
		t.Errorf("a cache waits %s for its store, which may take %s", waits, p.longest(p.of(t, "cache-store")))
	}
}

// TestKOSAnswersInTime checks a product rule.
func TestKOSAnswersInTime(t *testing.T) {
	t.Parallel()
	const clientsLimit = 8 * time.Second
	p := loadPolicies(t)
	for _, target := range p.targets {
		if target.file == "kos" && p.longest(target) >= clientsLimit {
			t.Errorf("%s may take %s", target.name, p.longest(target))
		}
	}
}

// failover is the maximum duration of a failover of a managed PostgreSQL. Events must not be given
// up meanwhile.
const failover = 2 * time.Minute

// TestRedeliveryExceedsProcessing computes how long a message may stay in a sidecar:
// it waits for a worker, which may have just started another one, and is tried. That must be below
// the broker's redelivery timeout, and the tries must outlast a failover.
func TestRedeliveryExceedsProcessing(t *testing.T) {
	t.Parallel()
	p := loadPolicies(t)
	tried := p.longest(p.of(t, "pubsub"+inbound))
	again := p.retries[p.of(t, "pubsub"+inbound).policies.Retry]
	if outlasted := time.Duration(again.MaxRetries) * again.Duration; outlasted < failover {
		t.Errorf("tries that fail at once end after %s, before a failover does", outlasted)
	}
	for environment := range environments {
		resources := byName(load(t, "components", environment))
		broker := resources["pubsub"]
		workers, depth := number(t, broker, "concurrency"), number(t, broker, "queueDepth")
		redelivered := time.Duration(number(t, broker, "processingTimeout")) * time.Millisecond
		number(t, broker, "redeliverInterval")
		for app, topics := range subscriptions(resources) {
			// A full queue, and an equally large batch of each topic that waits for it.
			if ahead := depth * (1 + topics); ahead > workers {
				t.Errorf("%s: of %d messages that %s may hold, %d have a worker", environment, ahead+workers, app, workers)
			}
		}
		if longest := 2 * tried; redelivered <= longest {
			t.Errorf("%s: a message may be with a sidecar for %s and is delivered again after %s", environment, longest, redelivered)
		}
	}
}

// subscriptions returns the number of topics by subscribing app.
func subscriptions(resources map[string]resource) map[string]int {
	topics := make(map[string]int)
	for _, r := range resources {
		if r.Kind == "Subscription" {
			for _, app := range r.Scopes {
				topics[app]++
			}
		}
	}
	return topics
}

// number returns an option that is a plain number of milliseconds, because the component silently
// ignores any other format.
func number(t *testing.T, r resource, option string) int {
	t.Helper()
	n, err := strconv.Atoi(r.option(option))
	if err != nil || n <= 0 {
		t.Fatalf("%s: %s is %q", r.file, option, r.option(option))
	}
	return n
}

// readText returns the contents of a file of the repository.
func readText(t *testing.T, elem ...string) string {
	t.Helper()
	content, err := os.ReadFile(repository(t).Path(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// duration parses a constant of the services' shared code, such as "5 * time.Second".
func duration(t *testing.T, file, constant string) time.Duration {
	t.Helper()
	units := map[string]time.Duration{"Millisecond": time.Millisecond, "Second": time.Second}
	elem := append([]string{"apps", "internal"}, strings.Split(file, "/")...)
	found := regexp.MustCompile(`\b` + constant + `\s*=\s*(\d+) \* time\.(Second|Millisecond)\b`).FindStringSubmatch(readText(t, elem...))
	if found == nil {
		t.Fatalf("%s has no %s", file, constant)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n) * units[found[2]]
}

// TestKOSEndpointsMatchCalls: the sidecar has one circuit breaker per HTTPEndpoint, so
// each path has an endpoint of its own, scoped to its callers and with the policies of the mock.
func TestKOSEndpointsMatchCalls(t *testing.T) {
	t.Parallel()
	want := make(map[string][]string)
	for app, operations := range calls[mock] {
		for _, operation := range operations {
			name := kos + operation[strings.LastIndex(operation, "/")+1:]
			want[name] = append(want[name], app)
			slices.Sort(want[name])
		}
	}
	got, addresses := make(map[string][]string), make(map[string]bool)
	p := loadPolicies(t)
	for _, r := range load(t, "components", "azure") {
		if r.Kind == "HTTPEndpoint" {
			got[r.Metadata.Name] = r.Scopes
			addresses[r.Spec.BaseURL] = true
			if p.of(t, r.Metadata.Name).policies != p.of(t, mock).policies {
				t.Errorf("%s has other policies than the mock", r.Metadata.Name)
			}
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("endpoints and scopes (-want +got):\n%s", diff)
	}
	if len(addresses) != 1 {
		t.Errorf("KOS is reached at %v", addresses)
	}
}
