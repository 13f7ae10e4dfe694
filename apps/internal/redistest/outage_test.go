package redistest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/redistest"
	"github.com/phonebill/phonebill/apps/internal/session"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// fixture is a sidecar with the repository's components and policies, its two Redis,
// and an app that receives events.
type fixture struct {
	t            *testing.T
	redis, cache *redistest.Server
	dapr         *daprtest.Sidecar
	client       *sidecar.Client
	sessions     *session.Store

	mu        sync.Mutex
	delivered map[string]bool // event ids
}

// app is an app id in the scopes of the components.
const app = "bill-inquiry-service"

func setup(t *testing.T) *fixture {
	t.Helper()
	w := &fixture{t: t, redis: redistest.Start(t, "maxmemory-policy", "noeviction"), delivered: map[string]bool{}}
	w.cache = redistest.Start(t, "maxmemory", "8mb", "maxmemory-policy", "allkeys-lfu")
	id := app + "-" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")) // unique
	var resources []string
	for _, name := range []string{"session-store", "cache-store", "pubsub", "product-changed"} {
		text, err := os.ReadFile("../../../components/local/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		resources = append(resources, strings.NewReplacer(
			"127.0.0.1:16379", w.redis.Address(), "127.0.0.1:16380", w.cache.Address(),
			"- "+app+"\n", "- "+id+"\n",
			"auth-service=user.logged-in.v1;", id+"=product.changed.v1,product.changed.v1.dead;", "auth-service=;", id+"=product.changed.v1;",
		).Replace(string(text)))
	}
	w.dapr = daprtest.Start(t, daprtest.Options{
		AppID: id, AppPort: w.serve(), Resources: resources, ResourceDirs: []string{"../../../resiliency"},
		Secrets: map[string]string{"redis-auth-key": "", "redis-cache-auth-key": ""},
	})
	w.client = w.dapr.Client()
	w.sessions = session.NewStore(w.client.State("session-store"))
	return w
}

// serve starts the app and returns its port.
func (w *fixture) serve() int {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct{ ID string }
		if r.URL.Path == "/events/product-changed" && json.NewDecoder(r.Body).Decode(&event) == nil {
			w.mu.Lock()
			w.delivered[event.ID] = true
			w.mu.Unlock()
		}
	})}
	go func() { _ = server.Serve(listener) }()
	w.t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

// publish publishes events until one is delivered.
func (w *fixture) publish(when string) {
	w.t.Helper()
	n := 0
	w.until("event "+when, func(ctx context.Context) error {
		n++
		id := when + strconv.Itoa(n)
		if err := w.client.Publish(ctx, "pubsub", sidecar.Event{ID: id, Type: "product.changed.v1", Data: map[string]string{}}); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second): // usually a few milliseconds
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.delivered[id] {
			return errors.New("not delivered")
		}
		return nil
	})
}

// login creates a session and reads it.
func (w *fixture) login(id string) {
	w.t.Helper()
	w.until("session "+id, func(ctx context.Context) error {
		now := time.Now()
		err := w.sessions.Create(ctx, id, session.Record{UserID: "u", Idle: time.Hour, EndsAt: now.Add(time.Hour), TouchedAt: now})
		if err != nil && !errors.Is(err, session.ErrConflict) {
			return err
		}
		_, _, err = w.sessions.Get(ctx, id)
		return err
	})
}

func (w *fixture) until(what string, do func(ctx context.Context) error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			w.t.Fatalf("no %s: %v\n%s", what, err, w.dapr.Log())
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// records returns the number of records that the sidecar logs during do.
func (w *fixture) records(do func()) int {
	before := strings.Count(w.dapr.Log(), "\n")
	do()
	return strings.Count(w.dapr.Log(), "\n") - before
}

func TestFlushedRedis(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.login("before")
	w.publish("before")
	n := w.records(func() {
		w.redis.Do("FLUSHALL")
		if _, _, err := w.sessions.Get(t.Context(), "before"); !errors.Is(err, session.ErrEnded) {
			t.Errorf("flushed session: %v", err)
		}
		w.login("after")
		w.login("before") // the same key again
		w.publish("after")
	})
	if n > 20 {
		t.Errorf("the sidecar logged %d records:\n%s", n, w.dapr.Log())
	}
}

const (
	outage  = 10 * time.Second
	maxRate = 5 // records that the sidecar may log per second of outage
)

func TestRedisIsRestartedEmpty(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.login("before")
	w.publish("before")
	n := w.records(func() {
		w.redis.Kill()
		w.withoutWrites()
		w.redis.Restart()
	})
	t.Logf("%d records in %s", n, outage)
	if n > maxRate*int(outage/time.Second) {
		t.Errorf("the sidecar logged %d records in %s:\n%.5000s", n, outage, w.dapr.Log())
	}
	w.login("after")
	w.publish("after")
}

// TestRedisIsDemotedAndPromoted covers a failover, after which connections lead to a
// replica.
func TestRedisIsDemotedAndPromoted(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.login("before")
	w.publish("before")
	n := w.records(func() {
		w.redis.Do("REPLICAOF", "127.0.0.1", "1")
		w.withoutWrites()
		w.redis.Do("REPLICAOF", "NO", "ONE")
	})
	t.Logf("%d records in %s", n, outage)
	if n > maxRate*int(outage/time.Second) {
		t.Errorf("the sidecar logged %d records in %s:\n%.5000s", n, outage, w.dapr.Log())
	}
	if _, _, err := w.sessions.Get(t.Context(), "before"); err != nil {
		t.Errorf("session from before the failover: %v", err)
	}
	w.login("after")
	w.publish("after")
}

// withoutWrites creates sessions during the outage, which must fail within 5 s.
func (w *fixture) withoutWrites() {
	w.t.Helper()
	for i, end := 0, time.Now().Add(outage); time.Now().Before(end); i++ {
		start := time.Now()
		err := w.sessions.Create(w.t.Context(), fmt.Sprint("meanwhile ", i), session.Record{UserID: "u", Idle: time.Hour, EndsAt: start.Add(time.Hour), TouchedAt: start})
		if !errors.Is(err, session.ErrUnavailable) || time.Since(start) > 5*time.Second {
			w.t.Errorf("login during the outage: %v after %s", err, time.Since(start))
		}
		select {
		case <-w.t.Context().Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// TestFullCaches fills the caches' Redis until it evicts, several times over, and
// checks that sessions and events are not affected.
func TestFullCaches(t *testing.T) {
	t.Parallel()
	w := setup(t)
	cache := w.client.State("cache-store")
	w.login("before")
	for round := range 3 {
		if err := w.cache.Fill(fmt.Sprint("phonebill-cache||bill ", round, " "), 8000); err != nil {
			t.Fatalf("write to full cache: %v", err)
		}
		w.login(fmt.Sprint("round ", round))
		w.publish(fmt.Sprint("round ", round))
		key := fmt.Sprint("bill ", round)
		if err := cache.SetIf(t.Context(), key, []byte("new"), "", time.Hour); err != nil {
			t.Errorf("new bill is not cached: %v", err)
		}
	}
	if n := w.cache.Stat("evicted_keys"); n == 0 {
		t.Error("nothing was evicted")
	}
	if n := w.redis.Stat("evicted_keys"); n != 0 {
		t.Errorf("%d sessions or events were evicted", n)
	}
	for _, id := range []string{"before", "round 0", "round 1", "round 2"} {
		if _, _, err := w.sessions.Get(t.Context(), id); err != nil {
			t.Errorf("session %s: %v", id, err)
		}
	}
}
