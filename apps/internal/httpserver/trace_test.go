package httpserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/spantest"
)

// traced returns a fixture whose spans are recorded.
func traced(t *testing.T, register routes) (*fixture, *spantest.Recorder) {
	t.Helper()
	spans := spantest.New(t)
	f := &fixture{registry: prometheus.NewRegistry(), log: &logBuffer{}}
	f.Server = httpserver.New(defaults(), deps(f, spans.Tracer), nil, register)
	return f, spans
}

func TestSpanOfARequest(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		request          *http.Request
		name, attributes string
		failed           bool
	}{
		"answered": {get("/api/v1/users/01012345678"), "GET /api/v1/users/{userId}",
			"http.request.method=GET http.route=/api/v1/users/{userId} http.response.status_code=200", false},
		"unmatched": {get("/api/v1/01012345678?line=01012345678"), "GET unmatched",
			"http.request.method=GET http.route=unmatched http.response.status_code=404", false},
		"failed": {get("/api/v1/panics"), "GET /api/v1/panics",
			"http.request.method=GET http.route=/api/v1/panics http.response.status_code=500 error.type=500", true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, spans := traced(t, api)
			f.do(t, tc.request)
			span := spans.Find(tc.name)
			if got := spantest.Attributes(span); got != tc.attributes {
				t.Errorf("attributes %s", got)
			}
			if failed := span.Status().Code.String() == "Error"; failed != tc.failed {
				t.Errorf("status %+v", span.Status())
			}
			if text := spans.String(); strings.Contains(text, "01012345678") || strings.Contains(text, "out of order") {
				t.Errorf("spans contain more than they may: %s", text)
			}
		})
	}
}

func TestAcceptedAnswerNamesItsTrace(t *testing.T) {
	t.Parallel()
	f, spans := traced(t, func(r *mux.Router) {
		for path, status := range map[string]int{"/done": http.StatusOK, "/accepted": http.StatusAccepted} {
			r.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		}
	})
	if got := f.do(t, get("/done")).Header().Get("Traceparent"); got != "" {
		t.Errorf("200 has %q", got)
	}
	got := f.do(t, get("/accepted")).Header().Get("Traceparent")
	span := spans.Find("GET /accepted").SpanContext()
	if want := "00-" + span.TraceID().String() + "-" + span.SpanID().String() + "-01"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
