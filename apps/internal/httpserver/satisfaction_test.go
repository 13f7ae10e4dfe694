package httpserver_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/mux"
)

func TestSatisfactionFollowsLatencyAndOutcome(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		took   time.Duration
		status int
		want   string
	}{
		"fast":               {500 * time.Millisecond, http.StatusOK, "satisfied"},
		"slower":             {501 * time.Millisecond, http.StatusOK, "tolerating"},
		"slow":               {2 * time.Second, http.StatusAccepted, "tolerating"},
		"too slow":           {2001 * time.Millisecond, http.StatusOK, "frustrated"},
		"fast error":         {time.Millisecond, http.StatusServiceUnavailable, "frustrated"},
		"fault of a client":  {time.Millisecond, http.StatusBadRequest, "satisfied"},
		"slow client's part": {3 * time.Second, http.StatusConflict, "frustrated"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t, defaults(), func(r *mux.Router) {
					r.HandleFunc("/bills", func(w http.ResponseWriter, _ *http.Request) {
						<-time.After(tc.took)
						w.WriteHeader(tc.status)
					})
				})
				f.do(t, httptest.NewRequest(http.MethodGet, "/bills", nil))
				for _, level := range []string{"satisfied", "tolerating", "frustrated"} {
					want := 0.0
					if level == tc.want {
						want = 1
					}
					if n := f.metric(t, "phonebill_http_request_satisfaction_total", "route", "/bills", "level", level); n != want {
						t.Errorf("%g requests are %s, want %g", n, level, want)
					}
				}
			})
		})
	}
}
