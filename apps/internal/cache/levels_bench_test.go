package cache_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/cache"
	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/redistest"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// document is a cached value of the size of a bill.
type document struct {
	Text string `json:"text"`
}

// BenchmarkLevels measures reads of one value, in turn, so that load of the machine affects
// all alike: from L1; from L2 through the sidecar, sealed; the bare state read through the
// sidecar of a value of the same size; and from the same Redis directly, on one connection.
// The results are the means of each, and the ratios of L2 and L1 to the bare state read.
//
//	make bench ONLY="-bench=Levels -count=5 ./apps/internal/cache"
func BenchmarkLevels(b *testing.B) {
	server := redistest.Start(b)
	dapr := daprtest.Start(b, daprtest.Options{AppID: "levels", Resources: []string{stateStore(server.Address())}})
	store := dapr.Client().State("cache-store")
	docs := cache.New[document](cache.Options{Kind: "doc", TTL: ttl, LoadTimeout: loadTimeout, Sealer: sealtest.Keyring(b)},
		store, slog.New(slog.DiscardHandler), cache.NewMetrics(prometheus.NewRegistry()))
	value := document{strings.Repeat("x", 1500)}
	load := func(context.Context) (document, error) { return value, nil } //nolint:unparam // as cache.Load has it
	want := func(level cache.Level) {
		if _, got, err := docs.Get(b.Context(), key, load); err != nil || got != level {
			b.Fatalf("from %q, %v; want it from %q", got, err, level)
		}
	}
	want(cache.FromSource)
	if err := store.Set(b.Context(), "bare", []byte(strings.Repeat("x", 2000)), ttl); err != nil {
		b.Fatal(err)
	}
	redis := dialRedis(b, server.Address(), "bare")
	took := map[string]time.Duration{}
	measure := func(name string, read func()) {
		start := time.Now()
		read()
		took[name] += time.Since(start)
	}
	const fast = 100 // reads of L1 for each slow read
	for b.Loop() {
		docs.EvictAll()
		measure("l2", func() { want(cache.FromL2) })
		measure("dapr", func() {
			if _, _, err := store.Get(b.Context(), "bare"); err != nil {
				b.Fatal(err)
			}
		})
		measure("redis", redis)
		measure("l1", func() {
			for range fast {
				want(cache.FromL1)
			}
		})
	}
	took["l1"] /= fast
	b.ReportMetric(0, "ns/op")
	for name, total := range took {
		b.ReportMetric(float64(total.Nanoseconds())/float64(b.N)/1e3, name+"-µs")
	}
	b.ReportMetric(float64(took["l2"])/float64(took["dapr"]), "l2/dapr")
	b.ReportMetric(float64(took["l1"])/float64(took["dapr"]), "l1/dapr")
	b.ReportMetric(float64(took["dapr"])/float64(took["redis"]), "dapr/redis")
	b.ReportMetric(1.3, "max:l2/dapr")
	b.ReportMetric(0.05, "max:l1/dapr")
}

// stateStore returns a state store component on a Redis without password.
func stateStore(address string) string {
	return fmt.Sprintf(`apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: cache-store}
spec:
  type: state.redis
  version: v1
  metadata: [{name: redisHost, value: %q}, {name: keyPrefix, value: none}]
`, address)
}

// dialRedis returns a function that reads a key as Dapr does, a hash with the value and the
// version, on a connection of its own.
func dialRedis(b *testing.B, address, key string) func() {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	answers := bufio.NewReader(conn)
	command := fmt.Sprintf("*2\r\n$7\r\nHGETALL\r\n$%d\r\n%s\r\n", len(key), key)
	return func() {
		if _, err := io.WriteString(conn, command); err != nil {
			b.Fatal(err)
		}
		var members int
		if _, err := fmt.Fscanf(answers, "*%d\r\n", &members); err != nil || members < 4 {
			b.Fatalf("%d members, %v", members, err)
		}
		for range members {
			var size int
			if _, err := fmt.Fscanf(answers, "$%d\r\n", &size); err != nil {
				b.Fatal(err)
			}
			if _, err := answers.Discard(size + len("\r\n")); err != nil {
				b.Fatal(err)
			}
		}
	}
}
