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

// Config is the configuration of the service, read from environment variables.
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
	Prefetch  bill.PrefetchPolicy
}

// BillConfig is the part of the configuration that only this service has.
type BillConfig struct {
	// CacheStore is the Dapr state store of L2.
	CacheStore string `env:"CACHE_STORE" envDefault:"cache-store"`
	// Months is the number of months that customers may inquire about, the current one
	// included.
	Months int `env:"BILL_MONTHS" envDefault:"6"`
	// Workers is the number of items of an endpoint that a replica works on at once.
	Workers int `env:"INQUIRY_WORKERS" envDefault:"16"`
	// OutageLimit is how long an item waits for an answer of KOS before it fails.
	OutageLimit time.Duration `env:"INQUIRY_OUTAGE_LIMIT" envDefault:"10m"`
	// Queue and Prefetches are the capacities for interactive and background items.
	Queue      int `env:"INQUIRY_QUEUE_LIMIT" envDefault:"2000"`
	Prefetches int `env:"PREFETCH_QUEUE_LIMIT" envDefault:"1000"`
}

// Validate returns an error if a number is out of range.
func (c *BillConfig) Validate() error {
	if c.Months < 1 || c.Months > 24 {
		return errors.New("BILL_MONTHS must be from 1 to 24")
	}
	if c.Workers < 1 || c.Workers > 100 || c.OutageLimit < time.Second || min(c.Queue, c.Prefetches) < 1 {
		return errors.New("INQUIRY_WORKERS must be from 1 to 100, INQUIRY_OUTAGE_LIMIT, INQUIRY_QUEUE_LIMIT and PREFETCH_QUEUE_LIMIT positive")
	}
	return nil
}

// LimitConfig is the number of calls a minute that all replicas together make to each
// endpoint of KOS.
type LimitConfig struct {
	// Bills is below KOS's rate limit of 100, because the sidecar retries failed calls.
	Bills int `env:"KOS_BILL_INQUIRY_PER_MINUTE" envDefault:"97"`
	// Customers leaves the rest of KOS's 100 to product-change-service. Only refused bills
	// need these calls.
	Customers int `env:"KOS_PRODUCT_INQUIRY_PER_MINUTE" envDefault:"12"`
}

// Validate returns an error if a limit is not positive.
func (c *LimitConfig) Validate() error {
	if min(c.Bills, c.Customers) < 1 {
		return errors.New("KOS_*_PER_MINUTE must be positive")
	}
	return nil
}
