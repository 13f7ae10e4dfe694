// Package events takes the events that the sidecar delivers from a broker: at
// least once each, in any order. What an event means belongs to the services.
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

	"github.com/phonebill/phonebill/apps/internal/httpjson"
)

// ErrPoison is returned for an event that nobody will ever be able to handle.
// It is not delivered again but put aside, to the topic for dead letters.
var ErrPoison = errors.New("events: cannot be handled, ever")

// Consumer makes HTTP handlers of functions that handle events.
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

// The sidecar's words for what is to become of a delivery.
const (
	success = "SUCCESS"
	again   = "RETRY"
	drop    = "DROP"
)

// Handle returns the handler of events of a type, whose data are a T. Handle
// must bear to be called with the same event again, and with older ones after
// newer ones.
func Handle[T any](c *Consumer, typ string, handle func(ctx context.Context, data T) error) http.Handler {
	return httpjson.Handler(func(w http.ResponseWriter, r *http.Request) error {
		err := deliver(r, typ, handle)
		status, outcome := success, "handled"
		switch {
		case errors.Is(err, ErrPoison):
			status, outcome = drop, "poison"
		case err != nil:
			status, outcome = again, "failed"
		}
		if err != nil {
			c.log.WarnContext(r.Context(), "event not handled", "type", typ, "outcome", outcome, "error", err)
		}
		c.consumed.WithLabelValues(typ, outcome).Inc()
		return httpjson.Write(w, http.StatusOK, map[string]string{"status": status})
	})
}

// cloudEvent is the envelope (CloudEvents 1.0, JSON format), as far as we read
// it.
type cloudEvent struct {
	Type string         `json:"type"`
	Data jsontext.Value `json:"data"`
}

func deliver[T any](r *http.Request, typ string, handle func(ctx context.Context, data T) error) error {
	var (
		event cloudEvent
		data  T
	)
	// As strict as httpjson.Decode, but for unknown members: publishers may add some.
	if err := json.UnmarshalRead(r.Body, &event); err != nil {
		return fmt.Errorf("%w: envelope: %s", ErrPoison, kind(err))
	}
	if event.Type != typ {
		return fmt.Errorf("%w: an event of another type", ErrPoison)
	}
	if err := json.Unmarshal(event.Data, &data); err != nil {
		return fmt.Errorf("%w: data: %s", ErrPoison, kind(err))
	}
	return handle(r.Context(), data)
}

// kind tells of an error only what sort it is: its text may quote what is
// personal.
func kind(err error) string { return fmt.Sprintf("%T", err) }
