package events_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/events"
)

// FuzzHandle checks that every body gets a valid status, and that only events of
// the handler's type that have data are handled.
func FuzzHandle(f *testing.F) {
	for _, seed := range []string{
		`{"type":"greeted.v1","id":"1","data":{"name":"a","more":1}}`, `{"type":"greeted.v1","data":null}`,
		`{"type":"greeted.v1","data":["01012345678"]}`, `{"type":"greeted.v1"}`, `{"TYPE":"greeted.v1","DATA":{"NAME":"a"}}`,
		`{"type":"greeted.v1","type":"other","data":{"name":"a"}}`, `{"type":"greeted.v1","data_base64":"eyJuYW1lIjoiYSJ9"}`,
		`{"type":1,"data":{}}`, `<greeting/>`, ``, `null`, `[]`, `{"data":{"name":"\ud800"},"type":"greeted.v1"}`, strings.Repeat(`{"data":`, 100),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		handled := false
		handler := events.Handle(events.NewConsumer(slog.New(slog.DiscardHandler), prometheus.NewRegistry()), "greeted.v1",
			func(context.Context, greeting) error {
				handled = true
				return nil
			})
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/events/greeted", strings.NewReader(string(body))))
		var got struct{ Status string }
		if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != http.StatusOK {
			t.Fatalf("answered %d %s", rec.Code, rec.Body)
		}
		if want := map[bool]string{true: "SUCCESS", false: "DROP"}[handled]; got.Status != want {
			t.Errorf("status %s, but handled is %t", got.Status, handled)
		}
		if handled && !strings.Contains(string(body), "greeted.v1") && !strings.Contains(string(body), `\`) {
			t.Errorf("handled an event of another type: %q", body)
		}
	})
}
