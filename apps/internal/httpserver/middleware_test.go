package httpserver_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

const requests = "phonebill_http_requests_total"

func api(r *mux.Router) {
	v1 := r.PathPrefix("/api/v1").Subrouter()
	v1.Handle("/users/{userId}", httpjson.Handler(func(w http.ResponseWriter, r *http.Request) error {
		telemetry.Annotate(r.Context(), slog.String("note", "annotated"))
		return httpjson.Write(w, http.StatusOK, mux.Vars(r))
	})).Methods(http.MethodGet)
	v1.Handle("/broken/{userId}", httpjson.Handler(func(http.ResponseWriter, *http.Request) error {
		return errors.New("disk full")
	}))
	v1.HandleFunc("/panics", func(http.ResponseWriter, *http.Request) { panic("out of order") })
	v1.HandleFunc("/silent", func(http.ResponseWriter, *http.Request) {})
}

func TestRequestIsLoggedAndCountedOnceByRoute(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method, target string
		status         int
		route, code    string
	}{
		"GET":              {"GET", "/api/v1/users/secret77", 200, "/api/v1/users/{userId}", ""},
		"HEAD":             {"HEAD", "/api/v1/users/secret77", 200, "/api/v1/users/{userId}", ""},
		"unknown query":    {"GET", "/api/v1/users/secret77?token=secret77", 400, "/api/v1/users/{userId}", "VALIDATION_ERROR"},
		"fault":            {"GET", "/api/v1/broken/secret77", 500, "/api/v1/broken/{userId}", "INTERNAL_ERROR"},
		"empty response":   {"GET", "/api/v1/silent", 200, "/api/v1/silent", ""},
		"no such path":     {"GET", "/secret77", 404, "unmatched", "NOT_FOUND"},
		"below a prefix":   {"GET", "/api/v1/secret77", 404, "unmatched", "NOT_FOUND"},
		"other method":     {"DELETE", "/api/v1/users/secret77", 405, "unmatched", "METHOD_NOT_ALLOWED"},
		"unknown method":   {"SECRET77", "/api/v1/users/secret77", 405, "unmatched", "METHOD_NOT_ALLOWED"},
		"double slash":     {"GET", "/api//v1/users/secret77", 404, "unmatched", "NOT_FOUND"},
		"dots":             {"GET", "/api/v1/x/../users/secret77", 404, "unmatched", "NOT_FOUND"},
		"POST to actuator": {"POST", "/actuator/health", 405, "unmatched", "METHOD_NOT_ALLOWED"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, defaults(), api)
			rec := f.do(t, httptest.NewRequest(tc.method, tc.target, nil))
			if rec.Code != tc.status {
				t.Errorf("status %d, want %d", rec.Code, tc.status)
			}
			record := f.log.record(t)
			method := tc.method
			if method == "SECRET77" {
				method = "OTHER"
			}
			want := map[string]any{"route": tc.route, "status": float64(tc.status), "method": method, "bytes": float64(rec.Body.Len())}
			got := map[string]any{"route": record["route"], "status": record["status"], "method": record["method"], "bytes": record["bytes"]}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
			if code, _ := record["code"].(string); code != tc.code {
				t.Errorf("code %q, want %q", code, tc.code)
			}
			if strings.Contains(f.log.String(), "secret77") {
				t.Errorf("the log contains the path: %s", f.log)
			}
			if n := f.metric(t, requests, "route", tc.route, "method", method); n != 1 {
				t.Errorf("%v requests of the route counted", n)
			}
			if n := f.metric(t, requests); n != 1 {
				t.Errorf("%v requests counted", n)
			}
		})
	}
}

func TestAnnotationsAreLogged(t *testing.T) {
	t.Parallel()
	f := setup(t, defaults(), api)
	f.do(t, get("/api/v1/users/1"))
	if note := f.log.record(t)["note"]; note != "annotated" {
		t.Errorf("note %v", note)
	}
}

func TestTraceIsContinued(t *testing.T) {
	t.Parallel()
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	f := setup(t, defaults(), api)
	r := get("/api/v1/broken/1")
	r.Header.Set("Traceparent", "00-"+id+"-00f067aa0ba902b7-01")
	rec := f.do(t, r)
	if got := f.log.record(t)["trace_id"]; got != id {
		t.Errorf("logged trace %v", got)
	}
	if got := traceID(t, rec); got != id {
		t.Errorf("response has trace %q", got)
	}
}

func TestPanicIsAnsweredWith500(t *testing.T) {
	t.Parallel()
	f := setup(t, defaults(), api)
	rec := f.do(t, get("/api/v1/panics"))
	if rec.Code != http.StatusInternalServerError || strings.Contains(rec.Body.String(), "out of order") {
		t.Errorf("answered %d %s", rec.Code, rec.Body)
	}
	record := f.log.record(t)
	text, _ := record["error"].(string)
	if record["level"] != "ERROR" || !strings.Contains(text, "out of order") || !strings.Contains(text, "middleware_test.go") {
		t.Errorf("record %v", record)
	}
	if id := traceID(t, rec); len(id) != 32 || id != record["trace_id"] {
		t.Errorf("response has trace %q, log %v", id, record["trace_id"])
	}
}

func traceID(t *testing.T, rec *httptest.ResponseRecorder) string {
	t.Helper()
	var failure struct {
		Error struct{ TraceID string }
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &failure); err != nil {
		t.Fatalf("%s: %v", rec.Body, err)
	}
	return failure.Error.TraceID
}

// TestIncompleteResponseClosesTheConnection, as its status is already sent.
func TestIncompleteResponseClosesTheConnection(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cause  any
		write  bool
		status float64
		level  string
	}{
		"panic after write": {"out of order", true, 200, "ERROR"},
		"abort":             {http.ErrAbortHandler, false, 444, "INFO"},
		"abort after write": {http.ErrAbortHandler, true, 200, "INFO"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, defaults(), func(r *mux.Router) {
				r.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
					if tc.write {
						_, _ = io.WriteString(w, `{"success":true,`)
					}
					panic(tc.cause)
				})
			})
			server := httptest.NewServer(f.Handler())
			resp, err := server.Client().Get(server.URL)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if err == nil {
				t.Errorf("the client accepts the incomplete response")
			}
			server.Close()
			if record := f.log.record(t); record["status"] != tc.status || record["level"] != tc.level {
				t.Errorf("record %v", record)
			}
			if n := f.metric(t, requests); n != 1 {
				t.Errorf("%v requests counted", n)
			}
		})
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	cfg.MaxBody = 32
	f := setup(t, cfg, func(r *mux.Router) {
		r.Handle("/", httpjson.Handler(func(w http.ResponseWriter, r *http.Request) error {
			var v map[string]string
			if err := httpjson.Decode(r, &v); err != nil {
				return err
			}
			return httpjson.Write(w, http.StatusOK, v)
		}))
	})
	for body, want := range map[string]int{
		`{"a":"` + strings.Repeat("x", 24) + `"}`: http.StatusOK,
		`{"a":"` + strings.Repeat("x", 25) + `"}`: http.StatusRequestEntityTooLarge,
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if rec := f.do(t, r); rec.Code != want {
			t.Errorf("%d bytes: status %d, want %d", len(body), rec.Code, want)
		}
	}
}
