package sidecar_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// TestTokensBetweenAppAndSidecar runs an app and a sidecar that authenticate each
// other by tokens.
func TestTokensBetweenAppAndSidecar(t *testing.T) {
	t.Parallel()
	const apiToken, appToken = "api token", "app token"
	gate := sidecar.NewGate(sidecar.Config{AppToken: appToken})
	app := httptest.NewServer(gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok")
	})))
	t.Cleanup(app.Close)
	id := "tokens-" + strings.ToLower(t.Name())
	dapr := daprtest.Start(t, daprtest.Options{
		AppID: id, AppPort: app.Listener.Addr().(*net.TCPAddr).Port,
		Env:       []string{"DAPR_API_TOKEN=" + apiToken, "APP_API_TOKEN=" + appToken},
		Secrets:   map[string]string{"key": "value"},
		Resources: []string{daprtest.MemoryState(t, "store"), daprtest.MemoryPubSub("pubsub")},
	})
	for name, tc := range map[string]struct {
		token string
		works bool
	}{
		"API token":   {apiToken, true},
		"no token":    {"", false},
		"wrong token": {appToken, false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := dapr.Config()
			cfg.Token = tc.token
			client, err := sidecar.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = client.Close() }()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, secret := client.Secret(ctx, "key")
			for what, err := range map[string]error{
				"secret":  secret,
				"state":   client.State("store").Set(ctx, "k", []byte("v"), time.Minute),
				"publish": client.Publish(ctx, "pubsub", sidecar.Event{ID: "1", Type: "topic"}),
				"invoke":  invoke(ctx, client.Invoker(id)),
			} {
				t.Run(what, func(t *testing.T) {
					if (err == nil) != tc.works {
						t.Errorf("%s: %v", what, err)
					}
				})
			}
			if err := client.Health(ctx); err != nil {
				t.Errorf("health, which needs no token: %v", err)
			}
		})
	}
	if err := invoke(t.Context(), http.DefaultTransport, app.URL); err == nil {
		t.Error("the app accepts a request that bypasses the sidecar")
	}
}

// invoke returns an error unless the app accepts the request.
func invoke(ctx context.Context, transport http.RoundTripper, url ...string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, append(url, "http://app")[0]+"/internal/something", nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "ok" {
		return io.ErrUnexpectedEOF
	}
	return nil
}
