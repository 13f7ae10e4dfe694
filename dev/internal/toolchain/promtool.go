package toolchain

import (
	"context"
	"errors"
)

// Promtool returns the program that tests Prometheus's rules, and installs it with
// Prometheus if missing.
func (t Toolchain) Promtool(ctx context.Context) (string, error) {
	if find("promtool") == "" {
		if err := t.install(ctx, []string{"prometheus"}); err != nil {
			return "", err
		}
	}
	if path := find("promtool"); path != "" {
		return path, nil
	}
	return "", errors.New("installed, but not found: promtool")
}
