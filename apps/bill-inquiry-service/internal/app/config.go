package app

import (
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
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
	Bills     BillConfig
	Ahead     bill.PrefetchPolicy
}

// BillConfig is this service's own part.
type BillConfig struct {
	// CacheStore is the component that all replicas share as a cache.
	CacheStore string `env:"CACHE_STORE" envDefault:"cache-store"`
	// Months is how many months may be asked for, the current one included.
	Months int `env:"BILL_MONTHS" envDefault:"6"`
	// Workers is how many calls of an endpoint a replica makes at once.
	Workers int `env:"INQUIRY_WORKERS" envDefault:"16"`
	// OutageLimit is how long KOS may leave a queued fetch without an answer.
	OutageLimit time.Duration `env:"INQUIRY_OUTAGE_LIMIT" envDefault:"10m"`
	// Queue and Prefetches are how many fetches of each class may wait.
	Queue      int `env:"INQUIRY_QUEUE_LIMIT" envDefault:"2000"`
	Prefetches int `env:"PREFETCH_QUEUE_LIMIT" envDefault:"1000"`
}

// Validate reports numbers that nothing works with.
func (c *BillConfig) Validate() error {
	if c.Months < 1 || c.Months > 24 {
		return errors.New("BILL_MONTHS must be from 1 to 24")
	}
	if c.Workers < 1 || c.Workers > 100 || c.OutageLimit < time.Second || min(c.Queue, c.Prefetches) < 1 {
		return errors.New("INQUIRY_WORKERS must be from 1 to 100, INQUIRY_OUTAGE_LIMIT, INQUIRY_QUEUE_LIMIT and PREFETCH_QUEUE_LIMIT positive")
	}
	return nil
}

// LimitConfig is how often all replicas together ask KOS within any minute. It
// is a little below the 100 that KOS allows us, since the sidecar repeats calls
// that fail.
type LimitConfig struct {
	Bills     int `env:"KOS_BILL_INQUIRY_PER_MINUTE" envDefault:"97"`
	Customers int `env:"KOS_PRODUCT_INQUIRY_PER_MINUTE" envDefault:"97"`
}

// Validate reports limits that let nothing through.
func (c *LimitConfig) Validate() error {
	if min(c.Bills, c.Customers) < 1 {
		return errors.New("KOS_*_PER_MINUTE must be positive")
	}
	return nil
}
