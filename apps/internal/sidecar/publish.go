package sidecar

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/status"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// publishTimeout is the timeout of a call. It is longer than all attempts of
// resiliency/ together.
const publishTimeout = 5 * time.Second

// Event is an event to publish.
type Event struct {
	// ID identifies the event. It is the same if the event is published again, so
	// that consumers recognize duplicates.
	ID string
	// Type is the event's name with its version, and its topic:
	// "product.changed.v1".
	Type string
	// Data is marshalled as JSON.
	Data any
}

// Publish publishes an event to a pub/sub component as a CloudEvent, on the topic
// e.Type. If it returns nil, the broker has the event. If it returns an error, the
// broker may have it.
func (c *Client) Publish(ctx context.Context, component string, e Event) error {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return fmt.Errorf("publish %s: %w", e.Type, err)
	}
	ctx, span := telemetry.Start(ctx, "send "+e.Type, trace.SpanKindProducer, semconv.MessagingSystemKey.String("dapr"),
		semconv.MessagingOperationName("send"), semconv.MessagingOperationTypeSend,
		semconv.MessagingDestinationName(e.Type), semconv.MessagingMessageID(e.ID))
	defer span.End()
	_, err = detach(ctx, publishTimeout, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.sdk.PublishEvent(ctx, component, e.Type, data,
			dapr.PublishEventWithContentType("application/json"),
			dapr.PublishEventWithMetadata(map[string]string{"cloudevent.id": e.ID, "cloudevent.type": e.Type}))
	})
	if err != nil {
		telemetry.Fail(span, status.Code(err).String())
		return fmt.Errorf("publish %s: %w", e.Type, err)
	}
	return nil
}
