package app

import (
	"errors"

	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/kosclient"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Config is everything that may differ between environments.
type Config struct {
	HTTP      httpserver.Config
	Telemetry telemetry.Config
	Sidecar   sidecar.Config
	Database  pg.Config
	Data      seal.Config
	Sessions  platform.SessionConfig
	Tokens    jwtauth.Config
	Operators jwtauth.OIDCConfig
	Issuer    platform.IssuerConfig
	KOS       kosclient.Config
	Bills     BillConfig
}

// BillConfig is this service's own part.
type BillConfig struct {
	// CacheStore is the component that all replicas share as a cache.
	CacheStore string `env:"CACHE_STORE" envDefault:"cache-store"`
	// Months is how many months may be asked for, the current one included.
	Months int `env:"BILL_MONTHS" envDefault:"6"`
}

// Validate reports a window that makes no sense.
func (c *BillConfig) Validate() error {
	if c.Months < 1 || c.Months > 24 {
		return errors.New("BILL_MONTHS must be from 1 to 24")
	}
	return nil
}
