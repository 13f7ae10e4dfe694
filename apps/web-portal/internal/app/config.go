package app

import (
	"errors"
	"net/url"
	"time"

	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Config is the configuration by environment variables.
type Config struct {
	HTTP      httpserver.Config
	Telemetry telemetry.Config
	Sidecar   sidecar.Config
	Portal    PortalConfig
}

// PortalConfig is the part of this service alone.
type PortalConfig struct {
	// Origin is the origin at which browsers reach the portal, such as
	// https://phonebill.example. Empty for any origin with TLS.
	Origin string `env:"PORTAL_ORIGIN"`
	// Idle is the time without requests after which auth-service ends a session, which
	// the pages tell.
	Idle time.Duration `env:"SESSION_IDLE" envDefault:"30m"`
	// AuthAppID, BillAppID and ProductAppID are the app ids of the services.
	AuthAppID    string `env:"AUTH_APP_ID" envDefault:"auth-service"`
	BillAppID    string `env:"BILL_APP_ID" envDefault:"bill-inquiry-service"`
	ProductAppID string `env:"PRODUCT_APP_ID" envDefault:"product-change-service"`
}

// Validate implements config.Validator.
func (c *PortalConfig) Validate() error {
	if c.Idle < time.Minute {
		return errors.New("SESSION_IDLE must be at least 1m")
	}
	if c.Origin == "" {
		return nil
	}
	u, err := url.Parse(c.Origin)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != c.Origin || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("PORTAL_ORIGIN must be like https://phonebill.example")
	}
	return nil
}

// secure reports whether cookies are sent over TLS only: always, unless the origin has no
// TLS, as on the machine of a developer.
func (c *PortalConfig) secure() bool {
	u, err := url.Parse(c.Origin)
	return err != nil || u.Scheme != "http"
}

// Commands returns the commands of the binary, configured by environ.
func Commands(environ []string) map[string]platform.Command {
	return map[string]platform.Command{
		"serve": platform.WithConfig(environ, func(cfg Config) platform.Command { return platform.Serve(Graph(cfg)) }),
	}
}
