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

// fixture is a sidecar with the repository's components and policies, two Redis servers,
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
	f := &fixture{t: t, redis: redistest.Start(t, "maxmemory-policy", "noeviction"), delivered: map[string]bool{}}
	f.cache = redistest.Start(t, "maxmemory", "8mb", "maxmemory-policy", "allkeys-lfu")
	id := app + "-" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")) // unique
	var resources []string
	for _, name := range []string{"session-store", "cache-store", "pubsub", "product-changed"} {
		text, err := os.ReadFile("../../../components/local/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		resources = append(resources, strings.NewReplacer(
			"127.0.0.1:16379", f.redis.Address(), "127.0.0.1:16380", f.cache.Address(),
			"- "+app+"\n", "- "+id+"\n",
			"auth-service=user.logged-in.v1;", id+"=product.changed.v1,product.changed.v1.dead;", "auth-service=;", id+"=product.changed.v1;",
		).Replace(string(text)))
	}
	f.dapr = daprtest.Start(t, daprtest.Options{
		AppID: id, AppPort: f.serve(), Resources: resources, ResourceDirs: []string{"../../../resiliency"},
		Secrets: map[string]string{"redis-auth-key": "", "redis-cache-auth-key": ""},
	})
	f.client = f.dapr.Client()
	f.sessions = session.NewStore(f.client.State("session-store"))
	return f
}

// serve starts the app and returns its port.
func (f *fixture) serve() int {
	f.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct{ ID string }
		if r.URL.Path == "/events/product-changed" && json.NewDecoder(r.Body).Decode(&event) == nil {
			f.mu.Lock()
			f.delivered[event.ID] = true
			f.mu.Unlock()
		}
	})}
	go func() { _ = server.Serve(listener) }()
	f.t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

// publish publishes events until one is delivered.
func (f *fixture) publish(when string) {
	f.t.Helper()
	n := 0
	f.until("event "+when, func(ctx context.Context) error {
		n++
		id := when + strconv.Itoa(n)
		if err := f.client.Publish(ctx, "pubsub", sidecar.Event{ID: id, Type: "product.changed.v1", Data: map[string]string{}}); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second): // usually a few milliseconds
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.delivered[id] {
			return errors.New("not delivered")
		}
		return nil
	})
}

// login creates a session and reads it.
func (f *fixture) login(id string) {
	f.t.Helper()
	f.until("session "+id, func(ctx context.Context) error {
		now := time.Now()
		err := f.sessions.Create(ctx, id, session.Record{UserID: "u", Idle: time.Hour, EndsAt: now.Add(time.Hour), TouchedAt: now})
		if err != nil && !errors.Is(err, session.ErrConflict) {
			return err
		}
		_, _, err = f.sessions.Get(ctx, id)
		return err
	})
}

func (f *fixture) until(what string, do func(ctx context.Context) error) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			f.t.Fatalf("no %s: %v\n%s", what, err, f.dapr.Log())
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// records returns the number of records that the sidecar logs during do.
func (f *fixture) records(do func()) int {
	before := strings.Count(f.dapr.Log(), "\n")
	do()
	return strings.Count(f.dapr.Log(), "\n") - before
}

func TestFlushedRedis(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.login("before")
	f.publish("before")
	n := f.records(func() {
		f.redis.Do("FLUSHALL")
		if _, _, err := f.sessions.Get(t.Context(), "before"); !errors.Is(err, session.ErrEnded) {
			t.Errorf("flushed session: %v", err)
		}
		f.login("after")
		f.login("before") // the same key again
		f.publish("after")
	})
	if n > 20 {
		t.Errorf("the sidecar logged %d records:\n%s", n, f.dapr.Log())
	}
}

const (
	outage  = 10 * time.Second
	maxRate = 5 // records that the sidecar may log per second of outage
)

func TestRedisIsRestartedEmpty(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.login("before")
	f.publish("before")
	n := f.records(func() {
		f.redis.Kill()
		f.withoutWrites()
		f.redis.Restart()
	})
	t.Logf("%d records in %s", n, outage)
	if n > maxRate*int(outage/time.Second) {
		t.Errorf("the sidecar logged %d records in %s:\n%.5000s", n, outage, f.dapr.Log())
	}
	f.login("after")
	f.publish("after")
}

// TestRedisIsDemotedAndPromoted covers a failover, after which connections lead to a
// replica.
func TestRedisIsDemotedAndPromoted(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.login("before")
	f.publish("before")
	n := f.records(func() {
		f.redis.Do("REPLICAOF", "127.0.0.1", "1")
		f.withoutWrites()
		f.redis.Do("REPLICAOF", "NO", "ONE")
	})
	t.Logf("%d records in %s", n, outage)
	if n > maxRate*int(outage/time.Second) {
		t.Errorf("the sidecar logged %d records in %s:\n%.5000s", n, outage, f.dapr.Log())
	}
	if _, _, err := f.sessions.Get(t.Context(), "before"); err != nil {
		t.Errorf("session from before the failover: %v", err)
	}
	f.login("after")
	f.publish("after")
}

// withoutWrites creates sessions during the outage, which must fail within 5 s.
func (f *fixture) withoutWrites() {
	f.t.Helper()
	for i, end := 0, time.Now().Add(outage); time.Now().Before(end); i++ {
		start := time.Now()
		err := f.sessions.Create(f.t.Context(), fmt.Sprint("meanwhile ", i), session.Record{UserID: "u", Idle: time.Hour, EndsAt: start.Add(time.Hour), TouchedAt: start})
		if !errors.Is(err, session.ErrUnavailable) || time.Since(start) > 5*time.Second {
			f.t.Errorf("login during the outage: %v after %s", err, time.Since(start))
		}
		select {
		case <-f.t.Context().Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// TestFullCaches fills the caches' Redis until it evicts, several times over, and
// checks that sessions and events are not affected.
func TestFullCaches(t *testing.T) {
	t.Parallel()
	f := setup(t)
	cache := f.client.State("cache-store")
	f.login("before")
	for round := range 3 {
		if err := f.cache.Fill(fmt.Sprint("phonebill-cache||bill ", round, " "), 8000); err != nil {
			t.Fatalf("write to full cache: %v", err)
		}
		f.login(fmt.Sprint("round ", round))
		f.publish(fmt.Sprint("round ", round))
		key := fmt.Sprint("bill ", round)
		if err := cache.SetIf(t.Context(), key, []byte("new"), "", time.Hour); err != nil {
			t.Errorf("new bill is not cached: %v", err)
		}
	}
	if n := f.cache.Stat("evicted_keys"); n == 0 {
		t.Error("nothing was evicted")
	}
	if n := f.redis.Stat("evicted_keys"); n != 0 {
		t.Errorf("%d sessions or events were evicted", n)
	}
	for _, id := range []string{"before", "round 0", "round 1", "round 2"} {
		if _, _, err := f.sessions.Get(t.Context(), id); err != nil {
			t.Errorf("session %s: %v", id, err)
		}
	}
}
