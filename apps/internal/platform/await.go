package platform

import (
	"context"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

const (
	// sidecarTimeout bounds how long a command waits for its sidecar, which in
	// turn waits for what its components connect to.
	sidecarTimeout = 60 * time.Second
	// sidecarInterval is how often it is looked for.
	sidecarInterval = 100 * time.Millisecond
)

// awaited are the secrets of a command that is started at the same time as its
// sidecar, as a Job's container is: the first thing asked for waits until the
// sidecar is there. A command that has its password from a file asks for none,
// and needs no sidecar.
type awaited struct{ *sidecar.Client }

// Secret implements sidecar.Secrets.
func (a awaited) Secret(ctx context.Context, name string) (string, error) {
	if err := a.await(ctx); err != nil {
		return "", err
	}
	return a.Client.Secret(ctx, name)
}

func (a awaited) await(ctx context.Context) error {
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
