package httpjson_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var errTaken = problem.New(problem.Conflict, "LINE_TAKEN", "이미 등록된 회선입니다.")

func TestEnvelopes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		handler httpjson.Handler
		status  int
	}{
		"success": {func(w http.ResponseWriter, _ *http.Request) error {
			return httpjson.Success(w, http.StatusOK, map[string]any{"totalFee": 89000, "months": []string{}}, "조회되었습니다.")
		}, http.StatusOK},
		"success_no_data": {func(w http.ResponseWriter, _ *http.Request) error {
			return httpjson.Success(w, http.StatusCreated, nil, "등록되었습니다.")
		}, http.StatusCreated},
		"flat": {func(w http.ResponseWriter, _ *http.Request) error {
			return httpjson.Write(w, http.StatusOK, map[string]string{"access_token": "a<b>&"})
		}, http.StatusOK},
		"problem": {func(http.ResponseWriter, *http.Request) error {
			return fmt.Errorf("register: %w", errTaken)
		}, http.StatusConflict},
		"fields": {func(http.ResponseWriter, *http.Request) error {
			return problem.ErrValidation.WithFields(map[string]string{"userId": "3자 이상이어야 합니다."})
		}, http.StatusBadRequest},
		"fault": {func(http.ResponseWriter, *http.Request) error {
			return errors.New("dial tcp 10.1.2.3:5432: password is hunter2")
		}, http.StatusInternalServerError},
		"details_unmarshallable": {func(http.ResponseWriter, *http.Request) error {
			return errTaken.WithDetails(make(chan int))
		}, http.StatusConflict},
		"data_unmarshallable": {func(w http.ResponseWriter, _ *http.Request) error {
			return httpjson.Success(w, http.StatusOK, make(chan int), "")
		}, http.StatusInternalServerError},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := httptest.NewRecorder()
			tc.handler.ServeHTTP(rec, tracedRequest(t))
			if rec.Code != tc.status {
				t.Errorf("status %d, want %d", rec.Code, tc.status)
			}
			if diff := cmp.Diff(
				map[string]string{"type": "application/json", "cache": "no-store"},
				map[string]string{"type": rec.Header().Get("Content-Type"), "cache": rec.Header().Get("Cache-Control")},
			); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			golden(t, name, rec.Body.Bytes())
		})
	}
}

// tracedRequest returns a request with a fixed trace id.
func tracedRequest(t *testing.T) *http.Request {
	t.Helper()
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0xab, 15: 1}, SpanID: trace.SpanID{1},
	}))
	return httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden.json")
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestSuccessWithAnEncodedPartIsTheSame compares an answer of which a part is encoded
// before with one that is encoded at once.
func TestSuccessWithAnEncodedPartIsTheSame(t *testing.T) {
	t.Parallel()
	type head struct {
		ID string `json:"id"`
	}
	type tail struct {
		Name  string `json:"name"`
		Parts []int  `json:"parts"`
	}
	const message = "요금을 <조회>했습니다."
	plain, parts := httptest.NewRecorder(), httptest.NewRecorder()
	if err := httpjson.Success(plain, http.StatusOK, struct {
		head
		tail
	}{head{"7"}, tail{"A & B", []int{1}}}, message); err != nil {
		t.Fatal(err)
	}
	encoded, err := httpjson.Encode(tail{"A & B", []int{1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := httpjson.SuccessWith(parts, http.StatusOK, head{"7"}, encoded, message); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plain.Body.String(), parts.Body.String()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(plain.Header(), parts.Header()); diff != "" {
		t.Error(diff)
	}
}

func TestStatusOfEachKind(t *testing.T) {
	t.Parallel()
	tests := map[problem.Kind]int{
		problem.Internal: 500, problem.Invalid: 400, problem.Unauthenticated: 401, problem.Forbidden: 403,
		problem.NotFound: 404, problem.MethodNotAllowed: 405, problem.Conflict: 409, problem.TooLarge: 413,
		problem.UnsupportedMedia: 415, problem.Unprocessable: 422, problem.TooManyRequests: 429, problem.Unavailable: 503,
	}
	for kind, want := range tests {
		rec := fail(t, problem.New(kind, "CODE", "메시지"))
		if rec.Code != want {
			t.Errorf("kind %d: status %d, want %d", kind, rec.Code, want)
		}
		if got := rec.Header().Get("WWW-Authenticate"); (got == "Bearer") != (want == 401) {
			t.Errorf("status %d: WWW-Authenticate %q", want, got)
		}
	}
}

func TestRetryAfterIsRoundedUp(t *testing.T) {
	t.Parallel()
	tests := map[time.Duration]string{
		0: "", time.Millisecond: "1", time.Second: "1", 1500 * time.Millisecond: "2", 30 * time.Minute: "1800",
	}
	for after, want := range tests {
		rec := fail(t, problem.New(problem.Unavailable, "CODE", "메시지").After(after))
		if got := rec.Header().Get("Retry-After"); got != want {
			t.Errorf("%s: Retry-After %q, want %q", after, got, want)
		}
	}
}

func TestClientDisconnectIsNotLoggedAsError(t *testing.T) {
	t.Parallel()
	var record telemetry.Record
	ctx, cancel := context.WithCancel(telemetry.WithRecord(t.Context(), &record))
	cancel()
	rec := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	httpjson.Fail(rec, r, fmt.Errorf("query: %w", context.Canceled))
	if rec.Code != 499 || rec.Body.Len() != 0 {
		t.Errorf("answered %d %s", rec.Code, rec.Body)
	}
	if logged := emit(t, &record); strings.Contains(logged, "ERROR") {
		t.Errorf("logged as an error: %s", logged)
	}
}

func TestInternalCancellationIsAFault(t *testing.T) {
	t.Parallel()
	if rec := fail(t, context.Canceled); rec.Code != http.StatusInternalServerError {
		t.Errorf("answered %d although the client is connected", rec.Code)
	}
}

func TestFailuresAreAddedToTheLogRecord(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err         error
		level, text string
	}{
		"problem":     {errTaken.WithCause(errors.New("inside")), "INFO", `"code":"LINE_TAKEN"`},
		"fault":       {errors.New("inside"), "ERROR", "inside"},
		"by design":   {problem.New(problem.Unavailable, "QUEUED", "메시지"), "INFO", `"code":"QUEUED"`},
		"unavailable": {problem.New(problem.Unavailable, "UNAVAILABLE", "메시지").WithCause(errors.New("inside")), "ERROR", "inside"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var record telemetry.Record
			r := httptest.NewRequestWithContext(telemetry.WithRecord(t.Context(), &record), http.MethodGet, "/", nil)
			rec := httptest.NewRecorder()
			httpjson.Fail(rec, r, tc.err)
			if logged := emit(t, &record); !strings.Contains(logged, tc.level) || !strings.Contains(logged, tc.text) {
				t.Errorf("logged %s", logged)
			}
			if strings.Contains(rec.Body.String(), "inside") {
				t.Errorf("the response leaks the cause: %s", rec.Body)
			}
		})
	}
}

func fail(t *testing.T, err error) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	httpjson.Fail(rec, httptest.NewRequest(http.MethodGet, "/", nil), err)
	return rec
}

func emit(t *testing.T, record *telemetry.Record) string {
	t.Helper()
	var out bytes.Buffer
	record.Emit(t.Context(), slog.New(slog.NewJSONHandler(&out, nil)))
	return out.String()
}

func decodeFailure(t *testing.T, rec *httptest.ResponseRecorder) {
	t.Helper()
	var body struct {
		Success bool
		Error   struct{ Code, Message string }
		Message string
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: %v", rec.Body, err)
	}
	if body.Success || body.Error.Code == "" || body.Message == "" || body.Message != body.Error.Message {
		t.Fatalf("no failure envelope: %s", rec.Body)
	}
}
