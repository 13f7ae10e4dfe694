package charts

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// otherBackends is the example of charts/README.md.
func otherBackends(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(repository(t).Path("charts", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(content), "## Other backends")
	_, example, found := strings.Cut(section, "```yaml\n")
	example, _, closed := strings.Cut(example, "```")
	if !found || !closed {
		t.Fatal("README.md has no example of other backends")
	}
	return valuesFile(t, example)
}

// valuesFile returns the path of a file of values.
func valuesFile(t *testing.T, values string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(path, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func swapped(t *testing.T, values string) objects {
	t.Helper()
	return fresh(t, "phonebill", append(arguments("dev"), "--values", values)...)
}

// TestOtherBackends renders the example: PostgreSQL for sessions, RabbitMQ for events.
func TestOtherBackends(t *testing.T) {
	t.Parallel()
	before, after := system(t, "dev"), swapped(t, otherBackends(t))
	for name, want := range map[string]string{"session-store": "state.postgresql", "cache-store": "state.redis", "pubsub": "pubsub.rabbitmq"} {
		was, is := before.find(t, "Component", name), after.find(t, "Component", name)
		equal(t, name+" is", is.text("spec", "type"), want)
		equal(t, name+" is for", is.at("scopes"), was.at("scopes"))
		equal(t, name+" has secrets of", is.at("auth"), was.at("auth"))
		for _, option := range []string{"keyPrefix", "publishingScopes", "subscriptionScopes"} {
			equal(t, name+": "+option, optionOf(is, option), optionOf(was, option))
		}
	}
	for service, want := range map[string][]any{
		"auth-service":         {"state-connection-string", "rabbitmq-password"},
		"bill-inquiry-service": {"state-connection-string", "rabbitmq-password", "redis-cache-auth-key"},
		"kos-mock-service":     nil,
	} {
		secrets := readable(t, after, service)
		for _, name := range []any{"state-connection-string", "rabbitmq-password", "redis-cache-auth-key", "redis-auth-key"} {
			equal(t, service+" may read "+name.(string), slices.Contains(secrets, name), slices.Contains(want, name))
		}
	}
	stores := place{address: "10.20.0.5"}
	caches := surroundings["dev"].caches
	for want, connections := range map[bool][]connection{
		true:  {tcp(auth, stores, 5433), tcp(auth, stores, 5671), tcp(bill, stores, 5433), tcp(bill, caches, 6379)},
		false: {tcp(auth, caches, 6379), tcp(auth, stores, 6379), tcp(kosMock, stores, 5671)},
	} {
		for _, c := range connections {
			if got := allowed(after.of("NetworkPolicy"), c); got != want {
				t.Errorf("%s: %v, want %v", c, got, want)
			}
		}
	}
}

// optionOf returns the value of an option of a component.
func optionOf(component object, name string) any {
	for _, option := range component.list("spec", "metadata") {
		if at(option, "name") == name {
			return at(option, "value")
		}
	}
	return nil
}

// readable returns the names of the secrets that a service's sidecar may read.
func readable(t *testing.T, all objects, service string) []any {
	t.Helper()
	rules := all.find(t, "Role", service+"-secrets").list("rules")
	names, _ := at(rules[0], "resourceNames").([]any)
	return names
}

// TestBackendChangeReplacesItsPods changes an option of a backend.
func TestBackendChangeReplacesItsPods(t *testing.T) {
	t.Parallel()
	const backend = `global: { backends: { cache-store: { type: state.redis, version: v1, metadata: [{ name: redisHost, value: "HOST:6379" }] } } }`
	before := pods(swapped(t, valuesFile(t, strings.Replace(backend, "HOST", "one", 1))))
	var rolled []string
	for name, pod := range pods(swapped(t, valuesFile(t, strings.Replace(backend, "HOST", "two", 1)))) {
		if pod.at("metadata", "annotations", "checksum/dapr") != before[name].at("metadata", "annotations", "checksum/dapr") {
			rolled = append(rolled, name)
		}
	}
	slices.Sort(rolled)
	equal(t, "rolled", rolled, []string{"bill-inquiry-service", "product-change-service"})
}

func TestFaultyBackendsAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ values, want string }{
		"unknown name": {`{ sessions: { type: state.redis, version: v1, metadata: [] } }`, "global.backends has sessions, but components/kubernetes has no such Component"},
		"no component": {`{ product-changed: { type: pubsub.redis, version: v1, metadata: [] } }`, "no such Component"},
		"class":        {`{ cache-store: { type: pubsub.redis, version: v1, metadata: [] } }`, "pubsub.redis cannot replace state.redis"},
		"unknown type": {`{ cache-store: { type: state.postgres, version: v2, metadata: [] } }`, "the pinned Dapr has no stable state.postgres v2"},
		"alpha":        {`{ cache-store: { type: state.etcd, version: v1, metadata: [] } }`, "the pinned Dapr has no stable state.etcd v1"},
		"capability":   {`{ cache-store: { type: state.memcached, version: v1, metadata: [{ name: hosts, value: "a:1" }] } }`, "state.memcached lacks etag"},
		"option":       {`{ cache-store: { type: state.redis, version: v1, metadata: [{ name: redisHots, value: "a:1" }] } }`, "state.redis has no option redisHots"},
		"missing":      {`{ cache-store: { type: state.redis, version: v1, metadata: [] } }`, "state.redis needs the option redisHost"},
		"plain":        {`{ cache-store: { type: state.redis, version: v1, metadata: [{ name: redisHost, value: "a:1" }, { name: redisPassword, value: x }] } }`, "redisPassword has to be from the secret store"},
		"no type":      {`{ pubsub: { version: v1, metadata: [] } }`, "missing property 'type'"},
		"no value":     {`{ pubsub: { type: pubsub.redis, version: v1, metadata: [{ name: redisHost }] } }`, "/metadata/0"},
		"other keys":   {`{ cache-store: { type: state.redis, version: v1, metadata: [{ name: keyPrefix, value: own }] } }`, "/metadata/0/name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := valuesFile(t, "global: { backends: "+test.values+" }")
			_, err := helm(t, append([]string{"template", "phonebill", "phonebill", "--kube-version", kubernetes, "--values", file}, arguments("dev")...)...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}
