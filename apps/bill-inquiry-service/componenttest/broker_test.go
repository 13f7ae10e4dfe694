package componenttest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/freeport"
	"github.com/phonebill/phonebill/apps/internal/rabbitmqtest"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

const (
	// lateness is how long after a completed change its former plan may be shown.
	lateness = time.Second
	// standStill is how long a machine that other tests share may stall.
	standStill = 5 * time.Second
)

// newReplicas starts two replicas, each with its own sidecar. They share everything else
// and receive the events of plan changes from a broker.
func newReplicas(t *testing.T, cache stateStore, broker string, environ ...string) [2]*world {
	t.Helper()
	shared, opts := prepare(t, cache)
	shared.environ = environ
	opts.Resources = append(opts.Resources, broker,
		daprtest.Subscription("pubsub", "product.changed.v1", "/events/product-changed"))
	var replicas [2]*world
	for i := range replicas {
		replica := *shared
		replica.startBeside(opts)
		replicas[i] = &replica
	}
	return replicas
}

// startBeside starts the service with a sidecar that delivers events to it.
func (w *world) startBeside(opts daprtest.Options) {
	w.t.Helper()
	w.address = freeport.Address(w.t)
	_, port, err := net.SplitHostPort(w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	if opts.AppPort, err = strconv.Atoi(port); err != nil {
		w.t.Fatal(err)
	}
	w.dapr = daprtest.Start(w.t, opts)
	w.start()
}

// plan returns the plan of this month's bill at a replica.
func (c *customer) plan(replica *world, line string) string {
	replica.t.Helper()
	on := *c
	on.w = replica
	got := on.inquire(line, "")
	info, _ := got.data["billInfo"].(map[string]any)
	code, _ := info["productCode"].(string)
	if got.status != http.StatusOK || code == "" {
		replica.t.Errorf("got %+v", got)
	}
	return code
}

// TestNoReplicaShowsTheFormerPlan repeatedly changes the plan of a line at KOS and
// publishes the event to the broker.
func TestNoReplicaShowsTheFormerPlan(t *testing.T) {
	t.Parallel()
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		noFormerPlan(t, newReplicas(t, daprtest.RedisState, daprtest.RedisPubSub(t, "pubsub")))
	})
	t.Run("postgresql and rabbitmq", func(t *testing.T) {
		t.Parallel()
		noFormerPlan(t, newReplicas(t, daprtest.PostgresState, daprtest.RabbitMQPubSub(t, "pubsub", rabbitmqtest.Start(t))))
	})
}

func noFormerPlan(t *testing.T, replicas [2]*world) {
	t.Helper()
	plans := []string{"5G-PREMIUM-001", "5G-STANDARD-001", "LTE-PREMIUM-001", "LTE-BASIC-001"}
	var (
		line, current string
		c             *customer
	)
	for !slices.Contains(plans, current) { // a line of the mock's population that no other test uses
		line = fmt.Sprintf("0103%07d", rand.IntN(1_000_000))
		c = replicas[0].login(line)
		current = c.plan(replicas[0], line)
	}
	late := 0
	for round := range 8 {
		for _, replica := range replicas {
			if got := c.plan(replica, line); got != current {
				t.Fatalf("before round %d: %s, want %s", round, got, current)
			}
		}
		next := plans[(slices.Index(plans, current)+1)%len(plans)]
		replicas[0].kos.Order(line, current, next)
		published := time.Now()
		err := replicas[round%2].dapr.Client().Publish(t.Context(), "pubsub", sidecar.Event{
			ID: strconv.Itoa(round), Type: "product.changed.v1", Data: map[string]string{"lineNumber": line},
		})
		if err != nil {
			t.Fatal(err)
		}
		expect.Eventually(t, "both replicas show the new plan", func() bool {
			return c.plan(replicas[0], line) == next && c.plan(replicas[1], line) == next
		})
		// The first round also waits for the subscription to begin.
		if took := time.Since(published); round > 0 && took > lateness {
			late++
			t.Logf("round %d: after %s", round, took)
			if late > 1 || took > standStill {
				t.Errorf("%d rounds were too late", late)
			}
		}
		current = next
	}
}
