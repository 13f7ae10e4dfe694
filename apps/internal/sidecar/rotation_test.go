package sidecar_test

import (
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// TestRotatedSecretIsReadWithoutErrors replaces a secret in the store while it is
// read continuously.
func TestRotatedSecretIsReadWithoutErrors(t *testing.T) {
	t.Parallel()
	dapr := daprtest.Start(t, daprtest.Options{AppID: "rotation", Secrets: map[string]string{"key": "old"}})
	cfg := dapr.Config()
	cfg.SecretAge = time.Second
	client, err := sidecar.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	get := func() string {
		value, err := client.Secret(t.Context(), "key")
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	if got := get(); got != "old" {
		t.Fatalf("got %q", got)
	}
	dapr.SetSecrets(map[string]string{"key": "new"})
	deadline := time.After(30 * time.Second)
	for get() != "new" {
		select {
		case <-deadline:
			t.Fatal("the new secret is not returned")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
