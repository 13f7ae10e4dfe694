package app

import (
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Config is the configuration of the service.
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

// ProductConfig is the part of this service alone.
type ProductConfig struct {
	// CacheStore is the state store of the L2 caches.
	CacheStore string `env:"CACHE_STORE" envDefault:"cache-store"`
	// PubSub is the pub/sub component of events.
	PubSub string `env:"PUBSUB" envDefault:"pubsub"`
	// Workers is how many changes a replica processes at a time.
	Workers int `env:"CHANGE_WORKERS" envDefault:"8"`
	// FetchWorkers is how many reads of KOS a replica makes at a time, for each endpoint.
	FetchWorkers int `env:"FETCH_WORKERS" envDefault:"16"`
	// OutageLimit is how long a fetch waits for an answer of KOS before it is given up.
	OutageLimit time.Duration `env:"FETCH_OUTAGE_LIMIT" envDefault:"10m"`
	// Queue and Prefetches are the capacities for interactive and background fetches.
	Queue      int `env:"FETCH_QUEUE_LIMIT" envDefault:"2000"`
	Prefetches int `env:"PREFETCH_QUEUE_LIMIT" envDefault:"1000"`
	// Prefetch enables prefetches after a login.
	Prefetch bool `env:"PREFETCH_ENABLED" envDefault:"true"`
}

// Validate returns an error if a number is out of range.
func (c *ProductConfig) Validate() error {
	if c.Workers < 1 || c.Workers > 100 {
		return errors.New("CHANGE_WORKERS must be from 1 to 100")
	}
	if c.FetchWorkers < 1 || c.FetchWorkers > 100 || c.OutageLimit < time.Second || min(c.Queue, c.Prefetches) < 1 {
		return errors.New("FETCH_WORKERS must be from 1 to 100, FETCH_OUTAGE_LIMIT, FETCH_QUEUE_LIMIT and PREFETCH_QUEUE_LIMIT positive")
	}
	return nil
}

// LimitConfig is how many calls of KOS all replicas together make within any minute, by
// endpoint. The defaults are a little below KOS's limits, because the sidecar retries calls
// that fail.
type LimitConfig struct {
	Change   int `env:"KOS_CHANGE_PER_MINUTE" envDefault:"48"`
	Inquiry  int `env:"KOS_PRODUCT_INQUIRY_PER_MINUTE" envDefault:"86"`
	Products int `env:"KOS_PRODUCTS_PER_MINUTE" envDefault:"96"`
	Status   int `env:"KOS_CHANGE_STATUS_PER_MINUTE" envDefault:"190"`
}

// Validate returns an error if a limit is not positive.
func (c *LimitConfig) Validate() error {
	if min(c.Change, c.Inquiry, c.Products, c.Status) < 1 {
		return errors.New("KOS_*_PER_MINUTE must be positive")
	}
	return nil
}
