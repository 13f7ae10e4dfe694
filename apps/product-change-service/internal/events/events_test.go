package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/events"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// broker records events.
type broker struct {
	component string
	event     sidecar.Event
	err       error
}

func (b *broker) Publish(_ context.Context, component string, e sidecar.Event) error {
	b.component, b.event = component, e
	return b.err
}

func TestAnnounce(t *testing.T) {
	t.Parallel()
	done := change.Change{
		RequestID: "request", CustomerID: "CUST001", Line: "01012345678", CurrentCode: "A", Target: product.Product{Code: "B"},
		ProcessedAt: time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC), // the 23rd in Seoul
	}
	later := done
	later.Effective = "2026-12-24"
	for day, c := range map[string]change.Change{"2026-11-23": done, "2026-12-24": later} {
		b := &broker{}
		if err := events.NewAnnouncer(b, "pubsub", prometheus.NewRegistry()).Announce(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(b.event.Data)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"eventId":"request","requestId":"request","customerId":"CUST001","lineNumber":"01012345678",` +
			`"previousProductCode":"A","productCode":"B","effectiveDate":"` + day + `"}`
		if diff := cmp.Diff(want, string(data)); diff != "" || b.component != "pubsub" || b.event.ID != "request" || b.event.Type != "product.changed.v1" {
			t.Errorf("%+v (-want +got):\n%s", b, diff)
		}
	}
}

func TestAnnounceReturnsPublishErrors(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b := &broker{err: errors.New("away")}
	announcer := events.NewAnnouncer(b, "pubsub", registry)
	if err := announcer.Announce(t.Context(), change.Change{}); !errors.Is(err, b.err) {
		t.Errorf("got %v", err)
	}
	if n, err := testutil.GatherAndCount(registry, "phonebill_events_published_total"); n != 1 || err != nil {
		t.Errorf("%d counted, %v", n, err)
	}
}
