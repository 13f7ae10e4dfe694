package platform

import (
	"context"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

const (
	// sidecarTimeout is how long a command waits for its sidecar, which itself waits
	// for its components' backends.
	sidecarTimeout = 60 * time.Second
	// sidecarInterval is the time between health checks.
	sidecarInterval = 100 * time.Millisecond
)

// waitingSecrets reads the secrets of a command that starts at the same time as its
// sidecar, as in a Kubernetes Job: Secret waits until the sidecar is healthy. A
// command that reads its password from a file needs no sidecar.
type waitingSecrets struct{ *sidecar.Client }

// Secret implements sidecar.Secrets.
func (a waitingSecrets) Secret(ctx context.Context, name string) (string, error) {
	if err := a.await(ctx); err != nil {
		return "", err
	}
	return a.Client.Secret(ctx, name)
}

func (a waitingSecrets) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sidecarTimeout)
	defer cancel()
	tick := time.NewTicker(sidecarInterval)
	defer tick.Stop()
	for {
		err := a.Health(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the sidecar: %w", err)
		case <-tick.C:
		}
	}
}
