package sidecar

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/phonebill/phonebill/apps/internal/refresh"
)

const (
	// secretTimeout is the timeout of a call. It is longer than all attempts of
	// resiliency/ together.
	secretTimeout = 5 * time.Second
	// secretPause is the time between attempts of a refresh that fails.
	secretPause = 10 * time.Second
	// rereadPause is the minimum time between rereads of a secret, so that a server
	// that rejects credentials for other reasons costs the store one call per pause.
	rereadPause = time.Second
)

// Secrets reads secrets by name.
type Secrets interface {
	// Secret returns a secret, which is never empty. It returns an error if the secret
	// is not cached and the secret store is unavailable.
	Secret(ctx context.Context, name string) (string, error)
	// Reread reads the secret from the store, unless that was done within the last
	// second. Callers use it when a server has rejected the result of Secret, as the
	// secret may have been rotated. If the store is unavailable, it returns the cached
	// secret.
	Reread(ctx context.Context, name string) (string, error)
}

var _ Secrets = (*Client)(nil)

// secrets caches secrets without expiry, so that they survive an outage of the store.
type secrets struct {
	cache *otter.Cache[string, string]
	load  otter.Loader[string, string]

	mu    sync.Mutex
	gates map[string]*refresh.Gate // by name
}

// newSecrets returns secrets that are refreshed in the background at their first use
// after age.
func newSecrets(age time.Duration, read func(ctx context.Context, name string) (string, error)) *secrets {
	return &secrets{
		cache: otter.Must(&otter.Options[string, string]{
			RefreshCalculator: refresh.After[string, string](age, secretPause),
		}),
		load:  otter.LoaderFunc[string, string](read),
		gates: make(map[string]*refresh.Gate),
	}
}

func (s *secrets) get(ctx context.Context, name string) (string, error) {
	value, err := s.cache.Get(ctx, name, s.load)
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", name, err)
	}
	return value, nil
}

// reread refreshes the cached secret. If that fails, the cached one is kept.
func (s *secrets) reread(ctx context.Context, name string) error {
	return s.gate(name).Do(ctx, func(ctx context.Context) error {
		result := <-s.cache.Refresh(ctx, name, s.load)
		return result.Err
	})
}

func (s *secrets) gate(name string) *refresh.Gate {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gates[name] == nil {
		s.gates[name] = refresh.NewGate(rereadPause, time.Now)
	}
	return s.gates[name]
}

// Secret implements Secrets.
func (c *Client) Secret(ctx context.Context, name string) (string, error) {
	return c.secrets.get(ctx, name)
}

// Reread implements Secrets.
func (c *Client) Reread(ctx context.Context, name string) (string, error) {
	if err := c.secrets.reread(ctx, name); ctx.Err() != nil {
		return "", fmt.Errorf("secret %s: %w", name, err)
	}
	return c.secrets.get(ctx, name)
}

// readSecret reads a secret from the store. Each secret has one value, under its own
// name, as in Azure Key Vault.
func (c *Client) readSecret(ctx context.Context, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, secretTimeout)
	defer cancel()
	values, err := c.sdk.GetSecret(ctx, c.cfg.SecretStore, name, nil)
	if err != nil {
		return "", err
	}
	if values[name] == "" {
		return "", fmt.Errorf("%s has no value", c.cfg.SecretStore)
	}
	return values[name], nil
}
