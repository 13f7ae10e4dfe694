package app

import (
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/password"
	"github.com/phonebill/phonebill/apps/auth-service/internal/token"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/kosclient"
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
	Names     jwtauth.Config
	Token     token.Config
	Password  password.Config
	Session   SessionConfig
}

// SessionConfig is how long sessions live without being used.
type SessionConfig struct {
	Idle time.Duration `env:"SESSION_IDLE" envDefault:"30m"`
	// AutoLoginIdle is Idle of sessions whose user asked to stay logged in.
	AutoLoginIdle time.Duration `env:"SESSION_AUTO_LOGIN_IDLE" envDefault:"24h"`
}

// Validate refuses sessions that end before they are used.
func (c *SessionConfig) Validate() error {
	if c.Idle < time.Second || c.AutoLoginIdle < c.Idle {
		return errors.New("SESSION_IDLE must be at least 1s and SESSION_AUTO_LOGIN_IDLE no shorter")
	}
	return nil
}

// seedConfig is what the command needs that adds users.
type seedConfig struct {
	Database pg.Config
	Data     seal.Config
	Sidecar  sidecar.Config
	Password password.Config
}
