package sidecar

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

const detachTimeout = 8 * time.Second

func TestDetachedCallContinuesAfterCancellation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var ended error
		finished := make(chan struct{})
		start := time.Now()
		_, err := detach(ctx, detachTimeout, func(ctx context.Context) (int, error) {
			defer close(finished)
			select {
			case <-time.After(2 * time.Second):
			case <-ctx.Done():
				ended = ctx.Err()
			}
			return 1, nil
		})
		if took := time.Since(start); took != time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller got %v after %s", err, took)
		}
		<-finished
		if ended != nil {
			t.Errorf("the call ended with %v", ended)
		}
	})
}

func TestDetachedCallTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := detach(t.Context(), detachTimeout, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		if took := time.Since(start); took != detachTimeout || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v after %s", err, took)
		}
	})
}

func TestCancelledContextMakesNoCall(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := detach(ctx, detachTimeout, func(context.Context) (int, error) {
		t.Error("called")
		return 0, nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestInvocationContinuesAfterCancellation checks the context of the request at the
// sidecar.
func TestInvocationContinuesAfterCancellation(t *testing.T) {
	t.Parallel()
	arrived, release, seen := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
		seen <- r.Context().Err()
	}))
	defer server.Close()
	transport := &invoker{app: "app", address: server.Listener.Addr().String(), next: &http.Transport{DisableKeepAlives: true}}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://app/path", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if resp != nil {
		_ = resp.Body.Close()
	}
	if fault, ok := errors.AsType[*InvokeError](err); !ok || fault.Reason != Timeout || !errors.Is(err, context.Canceled) {
		t.Errorf("the caller got %v", err)
	}
	close(release)
	if err := <-seen; err != nil {
		t.Errorf("the sidecar saw %v", err)
	}
}
