// Package events handles the events that the sidecar delivers from a broker, at
// least once and in any order. What an event means belongs to the services.
package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// ErrPoison is returned for an event that no attempt can handle. It goes to the
// dead-letter topic and is not delivered again.
var ErrPoison = errors.New("events: event cannot be handled")

// Consumer is the log and the metrics that handlers of events share.
type Consumer struct {
	log      *slog.Logger
	consumed *prometheus.CounterVec
}

// NewConsumer returns a consumer that counts deliveries in registerer.
func NewConsumer(log *slog.Logger, registerer prometheus.Registerer) *Consumer {
	c := &Consumer{log: log, consumed: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "phonebill_events_consumed_total",
		Help: "Events delivered, by type and outcome: handled, failed (and delivered again) or poison.",
	}, []string{"type", "outcome"})}
	registerer.MustRegister(c.consumed)
	return c
}

// The statuses of a response to the sidecar.
const (
	success = "SUCCESS"
	retry   = "RETRY"
	drop    = "DROP"
)

// The outcomes of a delivery.
const (
	handled = "handled"
	failed  = "failed"
	poison  = "poison"
)

// Handle returns an HTTP handler that decodes events of type typ and passes their
// data to handle. Handle must be idempotent and accept events out of order. If it
// returns an error, the event is delivered again, unless the error is ErrPoison.
func Handle[T any](c *Consumer, typ string, handle func(ctx context.Context, data T) error) http.Handler {
	// Exported as 0 from the start: Prometheus does not see the increase to a first value.
	for _, outcome := range []string{handled, failed, poison} {
		c.consumed.WithLabelValues(typ, outcome)
	}
	return httpjson.Handler(func(w http.ResponseWriter, r *http.Request) error {
		err := handleRequest(r, typ, handle)
		status, outcome := success, handled
		switch {
		case errors.Is(err, ErrPoison):
			status, outcome = drop, poison
		case err != nil:
			status, outcome = retry, failed
		}
		if err != nil {
			c.log.WarnContext(r.Context(), "event not handled", "type", typ, "outcome", outcome, "error", err)
		}
		c.consumed.WithLabelValues(typ, outcome).Inc()
		c.log.DebugContext(r.Context(), "event delivered", "type", typ, "outcome", outcome)
		return httpjson.Write(w, http.StatusOK, map[string]string{"status": status})
	})
}

// cloudEvent has the members we read of the envelope (CloudEvents 1.0, JSON format).
type cloudEvent struct {
	ID   string         `json:"id"`
	Type string         `json:"type"`
	Data jsontext.Value `json:"data"`
}

func handleRequest[T any](r *http.Request, typ string, handle func(ctx context.Context, data T) error) error {
	var (
		event cloudEvent
		data  T
	)
	// As strict as httpjson.Decode, except that publishers may add members.
	if err := json.UnmarshalRead(r.Body, &event); err != nil {
		return fmt.Errorf("%w: envelope: %s", ErrPoison, kind(err))
	}
	if event.Type != typ {
		return fmt.Errorf("%w: unexpected type", ErrPoison)
	}
	if err := json.Unmarshal(event.Data, &data); err != nil {
		return fmt.Errorf("%w: data: %s", ErrPoison, kind(err))
	}
	ctx, span := telemetry.Start(r.Context(), "process "+typ, trace.SpanKindConsumer, semconv.MessagingSystemKey.String("dapr"),
		semconv.MessagingOperationName("process"), semconv.MessagingOperationTypeProcess,
		semconv.MessagingDestinationName(typ), semconv.MessagingMessageID(event.ID))
	defer span.End()
	err := handle(ctx, data)
	if err != nil {
		telemetry.Fail(span, "not handled")
	}
	return err
}

// kind returns the type of err for the log: its text may quote personal data.
func kind(err error) string { return fmt.Sprintf("%T", err) }
