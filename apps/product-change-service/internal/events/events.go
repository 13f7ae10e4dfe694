// Package events publishes that a line has a new plan, to other services and to the
// replicas of this one.
package events

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

// ProductChanged is the type of the event and its topic.
const ProductChanged = "product.changed.v1"

// Changed is the data of the event. The line number is personal: consumers must not log
// it.
type Changed struct {
	EventID             string `json:"eventId"` // the same in every delivery
	RequestID           string `json:"requestId"`
	CustomerID          string `json:"customerId"`
	LineNumber          string `json:"lineNumber"`
	PreviousProductCode string `json:"previousProductCode"`
	ProductCode         string `json:"productCode"`
	// EffectiveDate is the day from which the line has the plan.
	EffectiveDate change.Day `json:"effectiveDate"`
}

// Publisher publishes events. See sidecar.Client.
type Publisher interface {
	Publish(ctx context.Context, component string, e sidecar.Event) error
}

// Announcer publishes events of changes.
type Announcer struct {
	publisher Publisher
	component string
	published *prometheus.CounterVec
}

// NewAnnouncer returns an announcer that publishes to a pub/sub component.
func NewAnnouncer(publisher Publisher, component string, registerer prometheus.Registerer) *Announcer {
	a := &Announcer{publisher: publisher, component: component, published: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "phonebill_events_published_total",
		Help: "Attempts to publish an event, by type and outcome: published or failed (and retried).",
	}, []string{"type", "outcome"})}
	registerer.MustRegister(a.published)
	return a
}

// Announce publishes that a change is in force. It returns an error if the broker may not
// have the event; repeating it is harmless.
func (a *Announcer) Announce(ctx context.Context, c change.Change) error {
	effective := c.Effective
	if effective == "" {
		effective = change.DayOf(c.ProcessedAt)
	}
	err := a.publisher.Publish(ctx, a.component, sidecar.Event{ID: c.RequestID, Type: ProductChanged, Data: Changed{
		EventID: c.RequestID, RequestID: c.RequestID, CustomerID: c.CustomerID, LineNumber: c.Line.Digits(),
		PreviousProductCode: c.CurrentCode, ProductCode: c.Target.Code, EffectiveDate: effective,
	}})
	outcome := "published"
	if err != nil {
		outcome = "failed"
	}
	a.published.WithLabelValues(ProductChanged, outcome).Inc()
	return err
}
