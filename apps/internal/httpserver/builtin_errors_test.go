package httpserver_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"
)

// TestMalformedRequestsGetTheEnvelope sends requests that net/http itself rejects.
func TestMalformedRequestsGetTheEnvelope(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	cfg.HSTS = time.Hour
	f := setup(t, cfg, func(*mux.Router) {})
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Stop(context.Background()) })
	for name, test := range map[string]struct {
		request string
		status  int
		code    string
	}{
		"no host":                     {"GET / HTTP/1.1\r\n\r\n", 400, "INVALID_REQUEST"},
		"two hosts":                   {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "INVALID_REQUEST"},
		"invalid host":                {"GET / HTTP/1.1\r\nHost: a{b\r\n\r\n", 400, "INVALID_REQUEST"},
		"not HTTP":                    {"hello\r\n\r\n", 400, "INVALID_REQUEST"},
		"unknown version":             {"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 400, "INVALID_REQUEST"},
		"control character in header": {"GET / HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n", 400, "INVALID_REQUEST"},
		"header without name":         {"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400, "INVALID_REQUEST"},
		"invalid escape":              {"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "INVALID_REQUEST"},
		"two lengths":                 {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "INVALID_REQUEST"},
		"unknown transfer encoding":   {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400, "INVALID_REQUEST"},
		"header too large":            {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", 431, "HEADER_TOO_LARGE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response, body := exchange(t, f.Addr(), test.request)
			var answer struct {
				Success *bool
				Error   struct{ Code, Message, TraceID string }
				Message string
			}
			if err := json.Unmarshal(body, &answer); err != nil {
				t.Fatalf("%d %q: %v", response.StatusCode, body, err)
			}
			if response.StatusCode != test.status || answer.Error.Code != test.code || answer.Success == nil || *answer.Success {
				t.Errorf("%d %s, want %d %s", response.StatusCode, body, test.status, test.code)
			}
			if answer.Message == "" || answer.Message != answer.Error.Message || len(answer.Error.TraceID) != 32 {
				t.Errorf("message or trace id: %s", body)
			}
			if got := response.Header.Get("Content-Type"); got != "application/json; charset=utf-8" {
				t.Errorf("Content-Type %q", got)
			}
			for _, header := range []string{"Cache-Control", "X-Content-Type-Options", "Strict-Transport-Security"} {
				if response.Header.Get(header) == "" {
					t.Errorf("no %s", header)
				}
			}
			if !response.Close {
				t.Error("the connection stays open")
			}
		})
	}
}

// TestHandlerResponsesAreNotReplaced even if they look like net/http's own.
func TestHandlerResponsesAreNotReplaced(t *testing.T) {
	t.Parallel()
	f := setup(t, defaults(), func(r *mux.Router) {
		r.HandleFunc("/plain", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			http.Error(w, "HTTP/1.1 400 Bad Request", http.StatusBadRequest)
		})
	})
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Stop(context.Background()) })
	response, body := exchange(t, f.Addr(), "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n")
	if response.StatusCode != http.StatusBadRequest || string(body) != "HTTP/1.1 400 Bad Request\n" {
		t.Errorf("%d %q", response.StatusCode, body)
	}
}

// exchange sends a raw request and returns the response.
func exchange(t *testing.T, addr, request string) (*http.Response, []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	go func() { _, _ = io.WriteString(conn, request) }() // the server may not read all of it
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}
