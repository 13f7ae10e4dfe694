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
	// secretTimeout bounds a call to a sidecar that does not answer at all. It is
	// longer than all attempts together that resiliency/ makes.
	secretTimeout = 5 * time.Second
	// secretPause is how soon a secret that could not be read again is tried
	// anew.
	secretPause = 10 * time.Second
	// rereadPause is how soon a secret is read again on demand: a server that
	// refuses us for another reason than a rotation costs the store one call in
	// this time.
	rereadPause = time.Second
)

// Secrets gives secrets by name.
type Secrets interface {
	// Secret returns the secret called name, never empty. It fails while the
	// secret store cannot be reached and the secret has not been read before.
	Secret(ctx context.Context, name string) (string, error)
	// Reread is Secret for somebody who was refused with what Secret gave: the
	// secret may have been rotated since it was read. It asks the store at once,
	// unless that was done less than a second ago. While the store is away it
	// returns the secret as it was.
	Reread(ctx context.Context, name string) (string, error)
}

var _ Secrets = (*Client)(nil)

// secrets keeps what was read: a known secret stays usable while the store is
// away.
type secrets struct {
	cache *otter.Cache[string, string]
	load  otter.Loader[string, string]

	mu    sync.Mutex
	gates map[string]*refresh.Gate // by name
}

// newSecrets returns secrets that are read again, in the background, when they
// are used after age: the delay after which a rotated one is seen.
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

// reread leaves the known value in place if the store cannot be asked.
func (s *secrets) reread(ctx context.Context, name string) error {
	return s.gate(name).Again(ctx, func(ctx context.Context) error {
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

// readSecret asks the secret store. All our secrets have one value, under
// their own name, as Azure Key Vault has it.
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
