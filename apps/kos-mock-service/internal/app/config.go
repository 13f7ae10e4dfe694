package app

import (
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Config is the configuration by environment variables. The behaviour of KOS is not part of it:
// package settings reads that from a secret.
type Config struct {
	HTTP      httpserver.Config
	Telemetry telemetry.Config
	Sidecar   sidecar.Config
	Database  pg.Config
	Names     Names
}

// Names are the names of the service's dependencies.
type Names struct {
	// SettingsSecret is the secret with the settings.
	SettingsSecret string `env:"KOS_MOCK_CONFIG_SECRET" envDefault:"kos-mock-config"`
	// AuthAppID is the app id of the service that knows who registered a line.
	AuthAppID string `env:"AUTH_APP_ID" envDefault:"auth-service"`
}
