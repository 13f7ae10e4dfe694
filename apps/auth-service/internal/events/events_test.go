package events_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/auth-service/internal/events"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// broker is a slow publisher.
type broker struct {
	mu   sync.Mutex
	took time.Duration
	err  error
	got  []sidecar.Event
	ids  []string // of the traces
}

func (b *broker) Publish(ctx context.Context, component string, e sidecar.Event) error {
	select {
	case <-time.After(b.took):
	case <-ctx.Done():
		return ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil || component != "pubsub" {
		return errors.Join(errors.New("away"), b.err)
	}
	b.got, b.ids = append(b.got, e), append(b.ids, telemetry.TraceID(ctx))
	return nil
}

// publishing runs test in a synctest bubble with a running announcer.
func publishing(t *testing.T, b *broker, test func(a *events.Announcer)) (outcomes map[string]float64) {
	t.Helper()
	registry := prometheus.NewRegistry()
	synctest.Test(t, func(t *testing.T) {
		a := events.NewAnnouncer(b, "pubsub", slog.New(slog.DiscardHandler), registry)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.Run(ctx)
		}()
		test(a)
		time.Sleep(time.Hour) //nolint:forbidigo // on the bubble's clock; it takes no real time
		stop()
		<-done
	})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	outcomes = map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			outcomes[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue() // the other label is the type
		}
	}
	return outcomes
}

var user = identity.User{ID: "testuser01", CustomerID: "CUST001", Line: "01012345678"}

func TestLoginIsPublished(t *testing.T) {
	t.Parallel()
	b := &broker{}
	publishing(t, b, func(a *events.Announcer) {
		a.LoggedIn(t.Context(), user)
		a.LoggedIn(t.Context(), identity.User{ID: "admin01"}) // without a line
	})
	if len(b.got) != 1 {
		t.Fatalf("published %+v", b.got)
	}
	want := sidecar.Event{ID: b.got[0].ID, Type: "user.logged-in.v1", Data: events.LoggedIn{EventID: b.got[0].ID, CustomerID: "CUST001", Lines: []string{"01012345678"}}}
	if diff := cmp.Diff(want, b.got[0]); diff != "" || want.ID == "" {
		t.Error(diff)
	}
}

// TestEventIsInTheTraceOfTheLogin although it is published after the answer.
func TestEventIsInTheTraceOfTheLogin(t *testing.T) {
	t.Parallel()
	b := &broker{}
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	publishing(t, b, func(a *events.Announcer) {
		ctx, end := context.WithCancel(trace.ContextWithSpanContext(context.Background(), span)) // of the bubble
		a.LoggedIn(ctx, user)
		end()
	})
	if len(b.ids) != 1 || b.ids[0] != span.TraceID().String() {
		t.Errorf("in the traces %v", b.ids)
	}
}

func TestLoginDoesNotWaitForTheBroker(t *testing.T) {
	t.Parallel()
	outcomes := publishing(t, &broker{took: time.Minute}, func(a *events.Announcer) {
		start := time.Now()
		for range 1000 {
			a.LoggedIn(t.Context(), user)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("a thousand logins waited %s", took)
		}
	})
	if outcomes["dropped"] < 700 || outcomes["published"] < 200 {
		t.Errorf("got %v", outcomes)
	}
}

func TestBrokerOutageDoesNotFailLogins(t *testing.T) {
	t.Parallel()
	outcomes := publishing(t, &broker{err: errors.New("away")}, func(a *events.Announcer) { a.LoggedIn(t.Context(), user) })
	if outcomes["failed"] != 1 {
		t.Errorf("got %v", outcomes)
	}
}
