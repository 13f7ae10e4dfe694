package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/httpapi"
)

// TestEvents posts events as a sidecar does, without a token: the sidecar has none, and the
// ingress does not route events.
func TestEvents(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body    string
		err     error
		status  string
		changed []msisdn.Number
	}{
		"a new plan":     {`{"type":"product.changed.v1","data":{"lineNumber":"01012345678","new in v1.1":1}}`, nil, "SUCCESS", []msisdn.Number{line}},
		"cache is away":  {`{"type":"product.changed.v1","data":{"lineNumber":"01012345678"}}`, io.ErrUnexpectedEOF, "RETRY", []msisdn.Number{line}},
		"no line":        {`{"type":"product.changed.v1","data":{"lineNumber":"12"}}`, nil, "DROP", nil},
		"no data":        {`{"type":"product.changed.v1"}`, nil, "DROP", nil},
		"another event":  {`{"type":"product.changed.v2","data":{"lineNumber":"01012345678"}}`, nil, "DROP", nil},
		"not even JSON":  {`<event/>`, nil, "DROP", nil},
		"an empty event": {``, nil, "DROP", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			know := goodPlans()
			know.err = test.err
			c := setup(t, &requests{}, know)
			resp, err := http.Post(c.url+"/events/product-changed", "application/cloudevents+json", strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			text, err := io.ReadAll(resp.Body)
			if want := fmt.Sprintf(`{"status":%q}`, test.status); err != nil || strings.TrimSpace(string(text)) != want {
				t.Errorf("got %s, %v; want %s", text, err, want)
			}
			if diff := cmp.Diff(test.changed, know.changed); diff != "" {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
		})
	}
}

// logins records the customers and lines of logins.
type logins struct {
	customer string
	lines    []msisdn.Number
	err      error
}

func (l *logins) LoggedIn(_ context.Context, customer string, lines []msisdn.Number) error {
	l.customer, l.lines = customer, lines
	return l.err
}

func TestLoginEvents(t *testing.T) {
	t.Parallel()
	const event = `{"type":"user.logged-in.v1","data":{"customerId":"CUST001","lines":["01012345678","010-8765-4321"]}}`
	for name, test := range map[string]struct {
		body   string
		off    bool
		err    error
		status string
		lines  []msisdn.Number
	}{
		"a login":          {event, false, nil, "SUCCESS", []msisdn.Number{line, "01087654321"}},
		"a fault":          {event, false, io.ErrUnexpectedEOF, "RETRY", []msisdn.Number{line, "01087654321"}},
		"prefetching off":  {event, true, nil, "SUCCESS", nil},
		"older release":    {`{"type":"user.logged-in.v1","data":{"lines":["01012345678"]}}`, false, nil, "SUCCESS", nil},
		"not a phone line": {`{"type":"user.logged-in.v1","data":{"customerId":"CUST001","lines":["1"]}}`, false, nil, "DROP", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recorded := &logins{err: test.err}
			params := httpapi.Params{
				Gate: sidecar.NewGate(sidecar.Config{}), Consumer: events.NewConsumer(slog.New(slog.DiscardHandler), prometheus.NewRegistry()),
				Auth: jwtauth.NewAuthenticator(nil, nil, prometheus.NewRegistry()),
			}
			if !test.off {
				params.Logins = recorded
			}
			router := mux.NewRouter()
			httpapi.New(params).Register(router)
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, "/events/user-logged-in", strings.NewReader(test.body))
			r.RemoteAddr = "127.0.0.1:1" // the sidecar's
			router.ServeHTTP(w, r)
			if want := fmt.Sprintf(`{"status":%q}`, test.status); strings.TrimSpace(w.Body.String()) != want {
				t.Errorf("got %s, want %s", w.Body, want)
			}
			if diff := cmp.Diff(test.lines, recorded.lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}
