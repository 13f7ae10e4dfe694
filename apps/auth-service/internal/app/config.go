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

// Config is everything that an operator may set for the server. It holds no
// secret, only their names.
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

// LimitConfig is how often all replicas together ask KOS within any minute. It
// is a little below the 100 that KOS allows us, since the sidecar repeats calls
// that fail.
type LimitConfig struct {
	Lines int `env:"KOS_PRODUCT_INQUIRY_PER_MINUTE" envDefault:"96"`
}

// Validate reports a limit that lets nothing through.
func (c *LimitConfig) Validate() error {
	if c.Lines < 1 {
		return errors.New("KOS_PRODUCT_INQUIRY_PER_MINUTE must be positive")
	}
	return nil
}

// EventConfig names the component that carries events.
type EventConfig struct {
	PubSub string `env:"PUBSUB" envDefault:"pubsub"`
}

// SessionConfig is how long sessions live.
type SessionConfig struct {
	// Idle is how long they live without being used.
	Idle time.Duration `env:"SESSION_IDLE" envDefault:"30m"`
	// Absolute is how long they live however much they are used.
	Absolute time.Duration `env:"SESSION_ABSOLUTE" envDefault:"12h"`
	// AutoLoginIdle and AutoLoginAbsolute are those of sessions whose user asked
	// to stay logged in.
	AutoLoginIdle     time.Duration `env:"SESSION_AUTO_LOGIN_IDLE" envDefault:"24h"`
	AutoLoginAbsolute time.Duration `env:"SESSION_AUTO_LOGIN_ABSOLUTE" envDefault:"720h"`
	// RefreshGrace is how long after its use a refresh token may be used again
	// by a client that asked twice at once; 0 means never.
	RefreshGrace time.Duration `env:"SESSION_REFRESH_GRACE" envDefault:"5s"`
}

// Validate refuses sessions that end before they are used, and a grace in which
// a thief has time.
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

// seedConfig is what the command needs that adds users.
type seedConfig struct {
	Database pg.Config
	Data     seal.Config
	Sidecar  sidecar.Config
	Password password.Config
}
