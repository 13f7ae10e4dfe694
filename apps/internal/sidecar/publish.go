package sidecar

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	dapr "github.com/dapr/go-sdk/client"
)

// publishTimeout bounds a call to a sidecar that does not answer at all. It is
// longer than all attempts together that resiliency/ makes.
const publishTimeout = 5 * time.Second

// Event is something that has happened, told to whom it may concern.
type Event struct {
	// ID is the same whenever the same event is published: consumers know a
	// repetition by it.
	ID string
	// Type is the event's name with its version, and its topic:
	// "product.changed.v1".
	Type string
	// Data is told as JSON.
	Data any
}

// Publish hands an event to the broker of a component, as a CloudEvent on the
// topic that its type names. When it returns nil the broker has the event; it
// may have it also when an error is returned.
func (c *Client) Publish(ctx context.Context, component string, e Event) error {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return fmt.Errorf("publish %s: %w", e.Type, err)
	}
	_, err = detach(ctx, publishTimeout, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.sdk.PublishEvent(ctx, component, e.Type, data,
			dapr.PublishEventWithContentType("application/json"),
			dapr.PublishEventWithMetadata(map[string]string{"cloudevent.id": e.ID, "cloudevent.type": e.Type}))
	})
	if err != nil {
		return fmt.Errorf("publish %s: %w", e.Type, err)
	}
	return nil
}
