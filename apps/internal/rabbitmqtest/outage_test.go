package rabbitmqtest_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/rabbitmqtest"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

const topic = "product.changed.v1"

// inbox is an app that receives events.
type inbox struct {
	mu  sync.Mutex
	ids map[string]int // deliveries by event id
}

// ServeHTTP implements http.Handler.
func (i *inbox) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var event struct{ ID string }
	if r.URL.Path != "/events" || json.NewDecoder(r.Body).Decode(&event) != nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ids[event.ID]++
}

func (i *inbox) count(id string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.ids[id]
}

// subscriber starts a sidecar with an app that receives the events of a broker.
func subscriber(t *testing.T, broker *rabbitmqtest.Broker, appID string) (*daprtest.Sidecar, *inbox) {
	t.Helper()
	in := &inbox{ids: map[string]int{}}
	app := httptest.NewServer(in)
	t.Cleanup(app.Close)
	address, err := url.Parse(app.URL)
	expect.NoError(t, err)
	port, err := strconv.Atoi(address.Port())
	expect.NoError(t, err)
	return daprtest.Start(t, daprtest.Options{
		AppID: appID, AppPort: port, ResourceDirs: []string{"../../../resiliency"},
		Resources: []string{daprtest.RabbitMQPubSub(t, "pubsub", broker), daprtest.Subscription("pubsub", topic, "/events")},
	}), in
}

func appID(name string) string { return name + "-" + strings.ToLower(rand.Text()) }

func publish(ctx context.Context, from *daprtest.Sidecar, id string) error {
	return from.Client().Publish(ctx, "pubsub", sidecar.Event{ID: id, Type: topic, Data: map[string]string{}})
}

// TestPublishersNoticeAnOutage kills the broker. The event that notices the broken connection may be
// lost, because the component ignores a missing confirmation; components/alternatives/README.md says
// what follows.
func TestPublishersNoticeAnOutage(t *testing.T) {
	t.Parallel()
	broker := rabbitmqtest.Start(t)
	dapr, in := subscriber(t, broker, appID("outage"))
	expect.NoError(t, publish(t.Context(), dapr, "before"))
	expect.Eventually(t, "an event is delivered", func() bool { return in.count("before") == 1 })

	broker.Kill()
	for i := range 10 {
		begun := time.Now()
		if err := publish(t.Context(), dapr, "meanwhile "+strconv.Itoa(i)); i > 0 && err == nil || time.Since(begun) > 5*time.Second {
			t.Errorf("event %d is published without a broker: %v after %s", i, err, time.Since(begun))
		}
	}
	broker.Restart()
	expect.Eventually(t, "events are published again", func() bool { return publish(t.Context(), dapr, "after") == nil })
	expect.Eventually(t, "and delivered without a restart of the sidecar", func() bool { return in.count("after") > 0 })
}

// TestEventsWaitForTheirSubscriber publishes events while the sidecar of a subscriber is gone, and
// restarts the broker.
func TestEventsWaitForTheirSubscriber(t *testing.T) {
	t.Parallel()
	broker := rabbitmqtest.Start(t)
	away, in := subscriber(t, broker, appID("subscriber"))
	publisher, own := subscriber(t, broker, appID("publisher"))
	away.Kill()
	expect.NoError(t, publish(t.Context(), publisher, "meanwhile"))
	expect.Eventually(t, "another app has the event", func() bool { return own.count("meanwhile") == 1 })
	broker.Kill()
	broker.Restart()
	away.Restart()
	expect.Eventually(t, "the subscriber has the event", func() bool { return in.count("meanwhile") > 0 })
}

// TestReplicasShareTheEventsOfTheirApp: each event is delivered to one of an app's replicas, and to
// every other app.
func TestReplicasShareTheEventsOfTheirApp(t *testing.T) {
	t.Parallel()
	broker := rabbitmqtest.Start(t)
	id := appID("replicas")
	publisher, first := subscriber(t, broker, id)
	_, second := subscriber(t, broker, id)
	_, other := subscriber(t, broker, appID("other"))
	expect.Eventually(t, "all subscriptions have begun", func() bool {
		return publish(t.Context(), publisher, "first") == nil && other.count("first") > 0 && first.count("first") > 0 && second.count("first") > 0
	})
	const events = 20
	for i := range events {
		expect.NoError(t, publish(t.Context(), publisher, strconv.Itoa(i)))
	}
	for i := range events {
		event := strconv.Itoa(i)
		expect.Eventually(t, "both apps have event "+event, func() bool {
			return first.count(event)+second.count(event) == 1 && other.count(event) == 1
		})
	}
}
