package sidecar_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

func TestSecrets(t *testing.T) {
	t.Parallel()
	dapr := daprtest.Start(t, daprtest.Options{
		AppID: "secret-test", Secrets: map[string]string{"known": "s3cret", "unread": "x", "empty": ""},
	})
	client := dapr.Client()
	if got, err := client.Secret(t.Context(), "known"); got != "s3cret" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	for _, name := range []string{"empty", "no-such"} {
		if got, err := client.Secret(t.Context(), name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	dapr.Kill()
	if got, err := client.Secret(t.Context(), "known"); got != "s3cret" || err != nil {
		t.Errorf("without a sidecar: %q, %v", got, err)
	}
	if got, err := client.Secret(t.Context(), "unread"); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("not cached: got %q, %v", got, err)
	}
}

func TestClientConnectsWhenSidecarStartsLater(t *testing.T) {
	t.Parallel()
	dapr := daprtest.Start(t, daprtest.Options{
		AppID:     "late-test",
		Secrets:   map[string]string{"known": "s3cret"},
		Resources: []string{daprtest.SQLiteState(t, "state")},
	})
	dapr.Kill()
	client := dapr.Client()
	if err := client.Health(t.Context()); err == nil {
		t.Error("healthy without a sidecar")
	}
	_, _, err := client.State("state").Get(t.Context(), "key")
	wantErr(t, sidecar.ErrUnavailable, err)

	dapr.Restart()
	wantErr(t, nil, client.Health(t.Context()))
	wantErr(t, nil, within(t, 3*time.Second, func(ctx context.Context) error {
		return client.State("state").Set(ctx, "key", []byte("v"), ttl)
	}))
	got, err := client.Secret(t.Context(), "known")
	if got != "s3cret" || err != nil {
		t.Errorf("secret %q, %v", got, err)
	}
}

// within retries do until it succeeds, and returns its last error after limit.
func within(t *testing.T, limit time.Duration, do func(context.Context) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

func TestReconnectBackoffStaysShort(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	client, err := sidecar.New(sidecar.Config{GRPCPort: listener.Addr().(*net.TCPAddr).Port})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()

	const attempts = 8 // the default backoff would have grown to minutes
	reached := make(chan error, 1)
	go func() { reached <- closeConns(listener, attempts) }()
	_, _, err = client.State("state").Get(t.Context(), "key")
	wantErr(t, sidecar.ErrUnavailable, err)
	select {
	case err := <-reached:
		wantErr(t, nil, err)
	case <-time.After(10 * time.Second):
		t.Errorf("fewer than %d attempts to connect in 10 s", attempts)
	}
}

// closeConns accepts n connections and closes each at once.
func closeConns(listener net.Listener, n int) error {
	for range n {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		_ = conn.Close()
	}
	return nil
}

func TestCloseEndsWaitingCalls(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // never responds, like a hung sidecar
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	client, err := sidecar.New(sidecar.Config{GRPCPort: listener.Addr().(*net.TCPAddr).Port})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, _, err := client.State("s").Get(context.Background(), "key")
		ended <- err
	}()
	if conn, err := listener.Accept(); err != nil {
		t.Error(err)
	} else {
		defer func() { _ = conn.Close() }()
	}
	wantErr(t, nil, client.Close())
	if err := <-ended; !errors.Is(err, sidecar.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestCallToHungSidecarTimesOut(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	client, err := sidecar.New(sidecar.Config{GRPCPort: listener.Addr().(*net.TCPAddr).Port})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	start := time.Now()
	_, _, err = client.State("s").Get(t.Context(), "key")
	wantErr(t, sidecar.ErrUnavailable, err)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
}
