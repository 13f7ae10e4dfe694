package app

import (
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Config is everything that an operator may set for the server by environment
// variables. How KOS behaves is not here: package settings reads that from a
// secret.
type Config struct {
	HTTP      httpserver.Config
	Telemetry telemetry.Config
	Sidecar   sidecar.Config
	Database  pg.Config
	Names     Names
}

// Names are what the service calls others by.
type Names struct {
	// SettingsSecret is the secret that holds the settings.
	SettingsSecret string `env:"KOS_MOCK_CONFIG_SECRET" envDefault:"kos-mock-config"`
	// AuthAppID is the app-id of the service that knows who registered a line.
	AuthAppID string `env:"AUTH_APP_ID" envDefault:"auth-service"`
}
