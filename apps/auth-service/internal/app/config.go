package app

import (
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/password"
	"github.com/phonebill/phonebill/apps/auth-service/internal/throttle"
	"github.com/phonebill/phonebill/apps/auth-service/internal/token"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Config is the configuration of the server. It contains no secrets, only their names.
type Config struct {
	HTTP      httpserver.Config
	Telemetry telemetry.Config
	Sidecar   sidecar.Config
	Database  pg.Config
	Data      seal.Config
	Store     platform.SessionConfig
	KOS       kosclient.Config
	Limits    LimitConfig
	Names     jwtauth.Config
	Operators jwtauth.OIDCConfig
	Token     token.Config
	Password  password.Config
	Session   SessionConfig
	Throttle  throttle.Config
	Events    EventConfig
}

// LimitConfig is the KOS rate limit that all replicas share, per minute. It is slightly below the
// 100 that KOS accepts, because the sidecar retries failed calls.
type LimitConfig struct {
	Lines int `env:"KOS_PRODUCT_INQUIRY_PER_MINUTE" envDefault:"96"`
}

// Validate returns an error for a limit below 1.
func (c *LimitConfig) Validate() error {
	if c.Lines < 1 {
		return errors.New("KOS_PRODUCT_INQUIRY_PER_MINUTE must be positive")
	}
	return nil
}

// EventConfig names the pub/sub component.
type EventConfig struct {
	PubSub string `env:"PUBSUB" envDefault:"pubsub"`
}

// SessionConfig sets the lifetimes of sessions.
type SessionConfig struct {
	// Idle is the lifetime of a session that is not used.
	Idle time.Duration `env:"SESSION_IDLE" envDefault:"30m"`
	// Absolute is the maximum lifetime of a session.
	Absolute time.Duration `env:"SESSION_ABSOLUTE" envDefault:"12h"`
	// AutoLoginIdle and AutoLoginAbsolute apply to sessions with auto-login.
	AutoLoginIdle     time.Duration `env:"SESSION_AUTO_LOGIN_IDLE" envDefault:"24h"`
	AutoLoginAbsolute time.Duration `env:"SESSION_AUTO_LOGIN_ABSOLUTE" envDefault:"720h"`
	// RefreshGrace is how long after its first use a refresh token is accepted again, for a client
	// that sends two refreshes at once; 0 disables it.
	RefreshGrace time.Duration `env:"SESSION_REFRESH_GRACE" envDefault:"5s"`
}

// Validate returns an error for sessions that expire immediately, and for a grace period long
// enough to exploit a stolen token.
func (c *SessionConfig) Validate() error {
	var faults []error
	if c.Idle < time.Second || c.AutoLoginIdle < c.Idle {
		faults = append(faults, errors.New("SESSION_IDLE must be at least 1s and SESSION_AUTO_LOGIN_IDLE no shorter"))
	}
	if c.Absolute < c.Idle || c.AutoLoginAbsolute < c.AutoLoginIdle {
		faults = append(faults, errors.New("SESSION_ABSOLUTE and SESSION_AUTO_LOGIN_ABSOLUTE must be no shorter than the idle times"))
	}
	if c.RefreshGrace < 0 || c.RefreshGrace > time.Minute {
		faults = append(faults, errors.New("SESSION_REFRESH_GRACE must be between 0 and 1m"))
	}
	return errors.Join(faults...)
}

// seedConfig is the configuration of the commands that create users.
type seedConfig struct {
	platform.SealedConfig

	Password password.Config
}
