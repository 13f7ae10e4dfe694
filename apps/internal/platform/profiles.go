package platform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// serveProfiles serves telemetry.Profiles at cfg.PprofAddr, if that is set. Start fails
// if it cannot listen there.
func serveProfiles(lc fx.Lifecycle, cfg telemetry.Config, log *slog.Logger) {
	if cfg.PprofAddr == "" {
		return
	}
	server := &http.Server{Handler: telemetry.Profiles(), ReadHeaderTimeout: 5 * time.Second}
	lc.Append(fx.StartStopHook(func(ctx context.Context) error {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.PprofAddr)
		if err != nil {
			return fmt.Errorf("profiles: %w", err)
		}
		log.Info("serving profiles", "addr", listener.Addr().String())
		go func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				log.Error("profiles server failed", "error", err)
			}
		}()
		return nil
	}, server.Close))
}
