package app

import (
	"errors"

	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
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
	Limits    LimitConfig
	Products  ProductConfig
}

// ProductConfig is this service's own part.
type ProductConfig struct {
	// CacheStore is the component that all replicas share as a cache.
	CacheStore string `env:"CACHE_STORE" envDefault:"cache-store"`
	// PubSub is the component that carries events.
	PubSub string `env:"PUBSUB" envDefault:"pubsub"`
	// Workers is how many changes a replica processes at a time.
	Workers int `env:"CHANGE_WORKERS" envDefault:"8"`
}

// Validate reports numbers that nothing works with.
func (c *ProductConfig) Validate() error {
	if c.Workers < 1 || c.Workers > 100 {
		return errors.New("CHANGE_WORKERS must be from 1 to 100")
	}
	return nil
}

// LimitConfig is how often all replicas together call KOS within any minute. It
// is a little below what KOS allows us, since the sidecar repeats calls that
// fail.
type LimitConfig struct {
	Change   int `env:"KOS_CHANGE_PER_MINUTE" envDefault:"48"`
	Inquiry  int `env:"KOS_PRODUCT_INQUIRY_PER_MINUTE" envDefault:"96"`
	Products int `env:"KOS_PRODUCTS_PER_MINUTE" envDefault:"96"`
	Status   int `env:"KOS_CHANGE_STATUS_PER_MINUTE" envDefault:"190"`
}

// Validate reports limits that let nothing through.
func (c *LimitConfig) Validate() error {
	if min(c.Change, c.Inquiry, c.Products, c.Status) < 1 {
		return errors.New("KOS_*_PER_MINUTE must be positive")
	}
	return nil
}
