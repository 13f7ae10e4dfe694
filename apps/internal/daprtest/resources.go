package daprtest

import (
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

// The Redis that all tests share. Each state store has its own key prefix.
const (
	redisVariable         = "PHONEBILL_TEST_REDIS_ADDR"
	redisPasswordVariable = "PHONEBILL_TEST_REDIS_PASSWORD"
)

// RedisState returns a state store component on the tests' Redis with a random key
// prefix.
func RedisState(t testing.TB, name string) string {
	t.Helper()
	address := os.Getenv(redisVariable)
	if address == "" {
		pgtest.SkipOrFail(t, redisVariable)
	}
	return component(name, "state.redis", map[string]string{
		"redisHost":     address,
		"redisPassword": os.Getenv(redisPasswordVariable),
		"keyPrefix":     "test-" + rand.Text(),
	})
}

// SQLiteState returns a state store component on a file in a temporary directory.
func SQLiteState(t testing.TB, name string) string {
	t.Helper()
	return component(name, "state.sqlite", map[string]string{
		"connectionString": filepath.Join(t.TempDir(), "state.db"),
		"keyPrefix":        "none",
	})
}

// MemoryState returns a state store component in the sidecar's memory. A restart
// empties it.
func MemoryState(_ testing.TB, name string) string {
	return component(name, "state.in-memory", nil)
}

// RedisPubSub returns a broker component on the tests' Redis. Tests share its
// topics, and a new app-id receives all events that were ever published to them.
func RedisPubSub(t testing.TB, name string) string {
	t.Helper()
	address := os.Getenv(redisVariable)
	if address == "" {
		pgtest.SkipOrFail(t, redisVariable)
	}
	return component(name, "pubsub.redis", map[string]string{
		"redisHost":     address,
		"redisPassword": os.Getenv(redisPasswordVariable),
	})
}

// MemoryPubSub returns a broker component in the sidecar's memory.
func MemoryPubSub(name string) string { return component(name, "pubsub.in-memory", nil) }

// Subscription returns a subscription of the app to a topic of pubsub. Dead letters
// go to the topic with the suffix ".dead".
func Subscription(pubsub, topic, path string) string {
	return fmt.Sprintf(`apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: %s}
spec:
  pubsubname: %s
  topic: %s
  routes: {default: %s}
  deadLetterTopic: %s.dead
`, strings.ToLower(topic), pubsub, topic, path, topic)
}

// HTTPEndpoint returns an HTTPEndpoint: calls of the app-id name go to baseURL, as
// they do for KOS in production.
func HTTPEndpoint(name, baseURL string) string {
	return fmt.Sprintf(`apiVersion: dapr.io/v1alpha1
kind: HTTPEndpoint
metadata: {name: %s}
spec: {baseUrl: %q}
`, name, baseURL)
}

func component(name, typ string, metadata map[string]string) string {
	var text strings.Builder
	fmt.Fprintf(&text, `apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: %s}
spec:
  type: %s
  version: v1
  metadata:
`, name, typ)
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		fmt.Fprintf(&text, "  - {name: %s, value: %q}\n", key, metadata[key])
	}
	return text.String()
}
