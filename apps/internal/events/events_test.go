package events_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/rabbitmqtest"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/internal/spantest"
)

type greeting struct {
	Name string `json:"name"`
}

// TestHandle posts what a sidecar may deliver and checks response, metric and log.
func TestHandle(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body          string
		err           error
		status        string
		outcome, seen string
	}{
		"handled":      {`{"type":"greeted.v1","id":"1","data":{"name":"a","more":1}}`, nil, "SUCCESS", "handled", "a"},
		"failed":       {`{"type":"greeted.v1","data":{"name":"a"}}`, errors.New("unavailable"), "RETRY", "failed", "a"},
		"poison":       {`{"type":"greeted.v1","data":{"name":"a"}}`, fmt.Errorf("%w: no name", events.ErrPoison), "DROP", "poison", "a"},
		"another type": {`{"type":"greeted.v2","data":{"name":"a"}}`, nil, "DROP", "poison", ""},
		"other data":   {`{"type":"greeted.v1","data":["01012345678"]}`, nil, "DROP", "poison", ""},
		"no data":      {`{"type":"greeted.v1"}`, nil, "DROP", "poison", ""},
		"no JSON":      {`<greeting/>`, nil, "DROP", "poison", ""},
		"no UTF-8":     {"{\"type\":\"greeted.v1\",\"data\":{\"name\":\"\xff\"}}", nil, "DROP", "poison", ""},
		"surrogate":    {`{"type":"greeted.v1","data":{"name":"\ud800"}}`, nil, "DROP", "poison", ""},
		"duplicate":    {`{"type":"greeted.v1","data":{"name":"a","name":"b"}}`, nil, "DROP", "poison", ""},
		"two types":    {`{"type":"greeted.v1","type":"greeted.v1","data":{"name":"a"}}`, nil, "DROP", "poison", ""},
		"other case":   {`{"Type":"greeted.v1","data":{"name":"a"}}`, nil, "DROP", "poison", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log strings.Builder
			registry := prometheus.NewRegistry()
			seen := ""
			handler := events.Handle(events.NewConsumer(slog.New(slog.NewTextHandler(&log, nil)), registry), "greeted.v1",
				func(_ context.Context, g greeting) error {
					seen = g.Name
					return test.err
				})
			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/events/greeted", strings.NewReader(test.body)))
			if want := fmt.Sprintf("{\"status\":%q}\n", test.status); rec.Code != http.StatusOK || rec.Body.String() != want || seen != test.seen {
				t.Errorf("got %d %s, handled %q, want %s and %q", rec.Code, rec.Body, seen, want, test.seen)
			}
			want := `
# HELP phonebill_events_consumed_total Events delivered, by type and outcome: handled, failed (and delivered again) or poison.
# TYPE phonebill_events_consumed_total counter
`
			for _, outcome := range []string{"failed", "handled", "poison"} {
				count := 0
				if outcome == test.outcome {
					count = 1
				}
				want += fmt.Sprintf("phonebill_events_consumed_total{outcome=%q,type=\"greeted.v1\"} %d\n", outcome, count)
			}
			if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
				t.Error(err)
			}
			if strings.Contains(log.String(), "0101") || (log.Len() > 0) != (test.outcome != "handled") {
				t.Errorf("logged %s", log.String())
			}
		})
	}
}

func TestSpanOfAnEvent(t *testing.T) {
	t.Parallel()
	spans := spantest.New(t)
	handler := events.Handle(events.NewConsumer(slog.New(slog.DiscardHandler), prometheus.NewRegistry()), "greeted.v1",
		func(context.Context, greeting) error { return errors.New("no 01012345678") })
	ctx, request := spans.Tracer.Start(t.Context(), "request")
	body := strings.NewReader(`{"type":"greeted.v1","id":"1","data":{"name":"01012345678"}}`)
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/events/greeted", body))
	request.End()
	const want = "messaging.system=dapr messaging.operation.name=process messaging.operation.type=process " +
		"messaging.destination.name=greeted.v1 messaging.message.id=1 error.type=not handled"
	span := spans.Find("process greeted.v1")
	if got := spantest.Attributes(span); got != want || span.Parent().SpanID() != request.SpanContext().SpanID() {
		t.Errorf("attributes %s", got)
	}
	if strings.Contains(spans.String(), "01012345678") {
		t.Errorf("personal data in %s", spans)
	}
}

// inbox is an app that receives events.
type inbox struct {
	mu   sync.Mutex
	got  []string
	fail int // the number of next deliveries that fail
}

func (i *inbox) take(_ context.Context, g greeting) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got = append(i.got, g.Name)
	switch {
	case g.Name == "":
		return fmt.Errorf("%w: no name", events.ErrPoison)
	case i.fail > 0:
		i.fail--
		return errors.New("not now")
	}
	return nil
}

func (i *inbox) seen() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.got...)
}

// policies redeliver three times, every 50 ms.
const policies = `apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: pubsub}
spec:
  policies: {retries: {consume: {policy: constant, duration: 50ms, maxRetries: 3}}}
  targets: {components: {pubsub: {inbound: {retry: consume}}}}
`

func TestDelivery(t *testing.T) {
	t.Parallel()
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		deliver(t, daprtest.RedisPubSub(t, "pubsub"))
	})
	t.Run("rabbitmq", func(t *testing.T) {
		t.Parallel()
		deliver(t, daprtest.RabbitMQPubSub(t, "pubsub", rabbitmqtest.Start(t)))
	})
}

// deliver publishes events that succeed, fail or are poison.
func deliver(t *testing.T, broker string) {
	t.Helper()
	topic := "greeted." + strings.ToLower(rand.Text()) + ".v1"
	live, dead := &inbox{}, &inbox{}
	consumer := events.NewConsumer(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	mux := http.NewServeMux()
	mux.Handle("POST /events/greeted", events.Handle(consumer, topic, live.take))
	mux.Handle("POST /events/dead", events.Handle(consumer, topic, func(ctx context.Context, g greeting) error {
		_ = dead.take(ctx, g)
		return nil
	}))
	app := httptest.NewServer(mux)
	t.Cleanup(app.Close)
	_, port, err := net.SplitHostPort(app.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	appPort, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	dapr := daprtest.Start(t, daprtest.Options{
		AppID: "events-test-" + strings.ToLower(rand.Text()), AppPort: appPort,
		Resources: []string{
			broker, policies,
			daprtest.Subscription("pubsub", topic, "/events/greeted"),
			daprtest.Subscription("pubsub", topic+".dead", "/events/dead"),
		},
	})
	client := dapr.Client()
	publish := func(name string) {
		t.Helper()
		if err := client.Publish(t.Context(), "pubsub", sidecar.Event{ID: name, Type: topic, Data: greeting{name}}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, in *inbox, want ...string) {
		t.Helper()
		deadline := time.After(30 * time.Second)
		for {
			got := in.seen()
			if cmp.Equal(want, got) {
				return
			}
			select {
			case <-deadline:
				t.Fatalf("%s: got %q, want %q", what, got, want)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	publish("a")
	want("an event", live, "a")
	publish("a")
	want("the same event again", live, "a", "a")

	live.mu.Lock()
	live.fail = 2
	live.mu.Unlock()
	publish("b")
	want("an event that is handled at its third delivery", live, "a", "a", "b", "b", "b")
	publish("")
	want("poison is delivered once", live, "a", "a", "b", "b", "b", "")
	want("poison is a dead letter", dead, "")

	live.mu.Lock()
	live.fail = 100
	live.mu.Unlock()
	publish("c")
	want("an event that always fails is delivered four times", live, "a", "a", "b", "b", "b", "", "c", "c", "c", "c")
	want("an event that always fails is a dead letter", dead, "", "c")

	if err := client.Publish(t.Context(), "nowhere", sidecar.Event{ID: "d", Type: topic}); err == nil {
		t.Error("no error from publishing to an unknown broker")
	}
}
