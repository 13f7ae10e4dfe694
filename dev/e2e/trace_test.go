package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/otlp"
	"github.com/phonebill/phonebill/dev/system"
)

// collectorAddress is where apps and sidecars send traces, as in dapr.yaml.
const collectorAddress = "127.0.0.1:4317"

// tracedWithin is how long the last spans of a trace take to arrive. A sidecar exports every 5 s.
const tracedWithin = 30 * time.Second

// collect receives the traces of the system until the test ends.
func collect(t *testing.T) *otlp.Receiver {
	t.Helper()
	receiver, err := otlp.Listen(collectorAddress)
	if err != nil {
		t.Fatalf("a collector is running: %v", err)
	}
	t.Cleanup(receiver.Close)
	for _, app := range apps {
		exports(t, receiver, app, "GET unmatched", direct(app, "/nothing"))
		const call = "/.well-known/jwks.json"
		exports(t, receiver, app, "CallLocal/"+string(auth)+call, whole.system.SidecarURL(app)+"/v1.0/invoke/"+string(auth)+"/method"+call)
	}
	return receiver
}

// reconnected is how long an exporter takes that has had no collector. The pauses of a sidecar's
// between its tries grow to two minutes.
const reconnected = 150 * time.Second

// exports requests a URL until a span of an app, or of its sidecar, arrives.
func exports(t *testing.T, receiver *otlp.Receiver, app system.Role, name, url string) {
	t.Helper()
	awaitEvery(t, 500*time.Millisecond, reconnected, string(app)+": "+name, func() error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		request.Header.Set("Dapr-Api-Token", whole.system.SidecarToken())
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		for _, span := range receiver.Spans() {
			if span.Service == string(app) && span.GetName() == name {
				return nil
			}
		}
		return errAwaited("none")
	})
}

// TestPlanChangeIsOneTrace checks that the trace that the answer of an accepted change names has all
// spans of the change, in all services, whenever and by which process the change is carried out.
func TestPlanChangeIsOneTrace(t *testing.T) {
	locally(t)
	disruptive(t)
	receiver := collect(t)
	for _, test := range []struct {
		name  string
		order kos.Behavior
		asks  string // the endpoint that gives the outcome
		then  func(t *testing.T, trace string)
	}{
		{"at once", kos.Calm, kos.ProductChange, func(*testing.T, string) {}},
		{"after an outage of KOS", kos.Behavior{Script: []kos.Step{{Status: http.StatusServiceUnavailable, Times: attempts}}}, kos.ProductChange,
			func(*testing.T, string) {}},
		// KOS carries the order out, and its answer is lost.
		{"after the death of the worker", kos.Behavior{Hang: true}, kos.ChangeStatus, func(t *testing.T, trace string) {
			t.Helper()
			awaitSpan(t, receiver, trace, "product-change-service: POST /api/v1/products/change")
			await(t, tracedWithin, "a call of KOS", func() error {
				if n := count(t, kos.Query{Endpoint: kos.ProductChange, Since: time.Now().Add(-time.Minute)}).Unanswered; n == 0 {
					return errAwaited("none")
				}
				return nil
			})
			kill(t, plans)
			if err := whole.kos.CalmDown(); err != nil {
				t.Fatal(err)
			}
			restart(t, plans)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := subscriber(t)
			form := newChangeForm(t, c)
			c.see(t, "")
			if err := whole.kos.Behave(kos.ProductChange, test.order); err != nil {
				t.Fatal(err)
			}
			answer := c.Change(form, api.How{Async: true})
			accepted, trace := answer.OK(t), traceOf(t, answer.Header)
			test.then(t, trace)
			await(t, 2*time.Minute, "the end of the change", func() error {
				if got := c.ChangeResult(accepted.RequestID).OK(t); got.Status != api.Completed {
					return errAwaited("it is " + got.Status)
				}
				return nil
			})
			calls := []string{"product-change-service: POST /api/kos/" + test.asks, "kos-mock-service: POST /api/kos/" + test.asks}
			for _, name := range slices.Concat(spansOfChange, calls) {
				awaitSpan(t, receiver, trace, name)
			}
			anonymousSpans(t, receiver, c)
		})
	}
}

// spansOfChange are spans of every accepted change, each with its service or sidecar.
var spansOfChange = []string{
	"product-change-service: POST /api/v1/products/change",
	"product-change-service: send product-change",
	"product-change-service: process product-change",
	"product-change-service: UPDATE change_request",
	"product-change-service: send announce_change",
	"product-change-service: process announce_change",
	"product-change-service: send product.changed.v1",
	"bill-inquiry-service: pubsub/product.changed.v1", // of the sidecar
	"bill-inquiry-service: POST /events/product-changed",
	"bill-inquiry-service: process product.changed.v1",
	"bill-inquiry-service: dapr.proto.runtime.v1.Dapr/SaveState", // a tombstone in the cache
}

// traceOf returns the trace of a 202 answer, which is sampled.
func traceOf(t *testing.T, header http.Header) string {
	t.Helper()
	parts := strings.Split(header.Get("Traceparent"), "-")
	if len(parts) != 4 || parts[3] != "01" {
		t.Fatalf("traceparent %q", header.Get("Traceparent"))
	}
	return parts[1]
}

// awaitSpan waits for a span of a trace.
func awaitSpan(t *testing.T, receiver *otlp.Receiver, trace, name string) {
	t.Helper()
	await(t, tracedWithin, name, func() error {
		var names []string
		for _, span := range receiver.Of(trace) {
			names = append(names, span.Service+": "+span.GetName())
		}
		if !slices.Contains(names, name) {
			return errAwaited(fmt.Sprintf("trace %s has only\n%s", trace, strings.Join(names, "\n")))
		}
		return nil
	})
}

// anonymousSpans checks that no span, of sidecars too, has personal data of a customer.
func anonymousSpans(t *testing.T, receiver *otlp.Receiver, c customer) {
	t.Helper()
	for _, span := range receiver.Spans() {
		text := span.String()
		for _, secret := range []string{c.Line, c.CustomerID, c.UserID, c.Tokens.Access} {
			if strings.Contains(text, secret) {
				t.Errorf("a span of %s has %q: %s", span.Service, secret, text)
			}
		}
	}
}
