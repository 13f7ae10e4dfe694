package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

func TestRequestsHaveKOSFormat(t *testing.T) {
	t.Parallel()
	var seen []string
	k := &kos{call: func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		seen = append(seen, strings.Join([]string{r.Method, r.URL.Path, r.Header.Get("Content-Type"), string(text)}, " "))
		answer(`{"success":true,"resultCode":"0000","resultMessage":"","data":{}}`)(w, r)
	}}
	client := newClient(k)
	if _, err := ask(t.Context(), client); err != nil {
		t.Error(err)
	}
	if _, err := client.Get(t.Context(), "/api/kos/products"); err != nil {
		t.Error(err)
	}
	want := []string{`POST /api/kos/bill-inquiry application/json {"lineNumber":"01012345678"}`, "GET /api/kos/products  "}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestBusinessRefusalIsNoError(t *testing.T) {
	t.Parallel()
	k := &kos{call: answer(`{"success":false,"resultCode":"1003","resultMessage":"청구 내역이 없습니다.","data":null}`)}
	got, err := ask(t.Context(), newClient(k))
	if err != nil || got.ResultCode != "1003" || got.ResultMessage != "청구 내역이 없습니다." || got.Success {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestBusyHasRetryAfter(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		retryAfter string
		want       time.Duration
	}{
		"said":     {"7", 7 * time.Second},
		"not said": {"", kosclient.ErrBusy.RetryAfter},
		"zero":     {"0", time.Second},
		"longest":  {"300", 5 * time.Minute},
		"too long": {"301", kosclient.ErrBusy.RetryAfter},
		"overflow": {"99999999999999999999", kosclient.ErrBusy.RetryAfter},
		"negative": {"-7", kosclient.ErrBusy.RetryAfter},
		"fraction": {"7.5", kosclient.ErrBusy.RetryAfter},
		"text":     {"soon", kosclient.ErrBusy.RetryAfter},
		"past":     {"Fri, 31 Dec 1999 23:59:59 GMT", kosclient.ErrBusy.RetryAfter},
		"far off":  {"Fri, 31 Dec 2100 23:59:59 GMT", kosclient.ErrBusy.RetryAfter},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			busy := status(http.StatusTooManyRequests, "Retry-After", tc.retryAfter)
			for where, k := range map[string]*kos{"call": {call: busy}, "token": {auth: busy}} {
				_, err := ask(t.Context(), newClient(k))
				if got := problem.From(err); !errors.Is(err, kosclient.ErrBusy) || got.RetryAfter != tc.want {
					t.Errorf("%s: %v, retry after %s", where, err, got.RetryAfter)
				}
			}
		})
	}
}

func TestFaultyAnswerIsUnavailable(t *testing.T) {
	t.Parallel()
	tests := map[string]http.HandlerFunc{
		"400":              status(http.StatusBadRequest),
		"404":              status(http.StatusNotFound),
		"500":              status(http.StatusInternalServerError),
		"503":              status(http.StatusServiceUnavailable, "Retry-After", "1"),
		"204":              status(http.StatusNoContent),
		"redirect":         status(http.StatusFound, "Location", "http://kos/elsewhere"),
		"empty":            answer(""),
		"html":             answer("<html>maintenance</html>"),
		"cut off":          answer(`{"success":true,"resultCode":"0000","da`),
		"more than agreed": answer(`{"success":true,"resultCode":"0000"} {}`),
		"no result code":   answer(`{"success":true}`),
		"endless":          answer(`{"success":true,"resultCode":"0000","resultMessage":"","data":"` + strings.Repeat("x", 2<<20) + `"}`),
	}
	for name, call := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ask(t.Context(), newClient(&kos{call: call}))
			if !errors.Is(err, kosclient.ErrUnavailable) || problem.From(err).RetryAfter == 0 {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestFailedTransportIsUnavailable(t *testing.T) {
	t.Parallel()
	breaker := &sidecar.InvokeError{App: "kos", Reason: sidecar.BreakerOpen, Cause: errors.New("open")}
	_, err := ask(t.Context(), newClient(failing{breaker}))
	if cause, ok := errors.AsType[*sidecar.InvokeError](err); !errors.Is(err, kosclient.ErrUnavailable) || !ok || cause != breaker {
		t.Errorf("got %v", err)
	}
}

// failing is a sidecar that refuses every call.
type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestHungCallTimesOut(t *testing.T) {
	t.Parallel()
	withKOS(t, func(k *kos, client *kosclient.Client) {
		wantAnswer(k.t, client)
		k.set(func() { k.slow = time.Hour })
		start := time.Now()
		if _, err := ask(k.t.Context(), client); !errors.Is(err, kosclient.ErrUnavailable) {
			k.t.Errorf("got %v", err)
		}
		// A client waits 8 s, which includes writing the response.
		if took := time.Since(start); took > 8*time.Second {
			k.t.Errorf("waited %s", took)
		}
		ctx, cancel := context.WithTimeout(k.t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if _, err := ask(ctx, client); !errors.Is(err, kosclient.ErrUnavailable) || time.Since(start) != time.Second {
			k.t.Errorf("own deadline: %v after %s", err, time.Since(start))
		}
	})
}

// Without reuse, connections would be opened at the rate of calls.
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	var opened atomic.Int32
	k := &kos{call: func(w http.ResponseWriter, r *http.Request) {
		answer(`{"success":true,"resultCode":"0000","resultMessage":"","data":"`+strings.Repeat("x", 8<<10)+`"}`)(w, r)
	}}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resp, err := k.RoundTrip(r)
		if err != nil {
			t.Error(err)
			return
		}
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		_, _ = io.Copy(w, resp.Body)
		w.(http.Flusher).Flush() // the rest is another chunk
		_, _ = io.WriteString(w, "\n")
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client := newClient(toServer{server})
	for range 10 {
		if _, err := ask(t.Context(), client); err != nil {
			t.Error(err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for 10 calls", n)
	}
}

// toServer sends every request to a server, as a sidecar does.
type toServer struct{ server *httptest.Server }

func (s toServer) RoundTrip(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Host = s.server.Listener.Addr().String()
	return s.server.Client().Transport.RoundTrip(out)
}
