package sidecar

import (
	"context"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/phonebill/phonebill/apps/internal/refresh"
)

const (
	// secretAge is how long a secret is used before it is read again, in the
	// background: the delay after which a rotated secret is seen.
	secretAge = time.Minute
	// secretPause is how soon a secret that could not be read again is tried
	// anew.
	secretPause = 10 * time.Second
)

// Secrets gives secrets by name.
type Secrets interface {
	// Secret returns the secret called name, never empty. It fails while the
	// secret store cannot be reached and the secret has not been read before.
	Secret(ctx context.Context, name string) (string, error)
}

var _ Secrets = (*Client)(nil)

// secrets keeps what was read: a known secret stays usable while the store is
// away.
type secrets struct {
	cache *otter.Cache[string, string]
	load  otter.Loader[string, string]
}

func newSecrets(read func(ctx context.Context, name string) (string, error)) *secrets {
	return &secrets{
		cache: otter.Must(&otter.Options[string, string]{
			RefreshCalculator: refresh.After[string, string](secretAge, secretPause),
		}),
		load: otter.LoaderFunc[string, string](read),
	}
}

// Secret implements Secrets.
func (c *Client) Secret(ctx context.Context, name string) (string, error) {
	value, err := c.secrets.cache.Get(ctx, name, c.secrets.load)
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", name, err)
	}
	return value, nil
}

// readSecret asks the secret store. All our secrets have one value, under
// their own name, as Azure Key Vault has it.
func (c *Client) readSecret(ctx context.Context, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
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
