package app_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/auth-service/internal/app"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/password"
	"github.com/phonebill/phonebill/apps/auth-service/internal/throttle"
	"github.com/phonebill/phonebill/apps/auth-service/internal/token"
	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/platform"
)

// required are the variables without a default.
var required = []string{
	"DB_NAME=auth", "DB_USER=auth", "DB_PASSWORD_SECRET=database-password-auth",
	"KOS_CREDENTIALS_SECRET=kos-api-credentials-auth", "DATA_KEYSET_SECRET=data-keyset-auth",
}

func TestGraphIsComplete(t *testing.T) {
	t.Parallel()
	if err := fx.ValidateApp(app.Graph(app.Config{})); err != nil {
		t.Error(err)
	}
}

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load[app.Config](required)
	if err != nil {
		t.Fatal(err)
	}
	want := app.Config{
		Token: token.Config{KeySecret: "jwt-signing-key", AccessTTL: 30 * time.Minute, RefreshTTL: 24 * time.Hour, KeyLead: 10 * time.Minute},
		Password: password.Config{
			MemoryKiB: 19456, Iterations: 2, Parallelism: 1, Queue: 256, MaxWait: 4 * time.Second,
		},
		Session: app.SessionConfig{
			Idle: 30 * time.Minute, Absolute: 12 * time.Hour, AutoLoginIdle: 24 * time.Hour, AutoLoginAbsolute: 720 * time.Hour,
			RefreshGrace: 5 * time.Second,
		},
		Throttle: throttle.Config{
			Login:     throttle.Rate{Burst: 100, Over: 10 * time.Minute},
			LoginUser: throttle.Rate{Burst: 10, Over: 10 * time.Minute},
			Refresh:   throttle.Rate{Burst: 100, Over: 10 * time.Minute},
			Password:  throttle.Rate{Burst: 20, Over: 10 * time.Minute},
			Register:  throttle.Rate{Burst: 20, Over: 2 * time.Minute},
		},
	}
	got := app.Config{Token: cfg.Token, Password: cfg.Password, Session: cfg.Session, Throttle: cfg.Throttle}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults of this service (-want +got):\n%s", diff)
	}
}

func TestConfigReportsAllFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		environ []string
		want    []string
	}{
		"nothing set": {nil, []string{"DB_NAME", "DB_USER", "DB_PASSWORD_SECRET", "KOS_CREDENTIALS_SECRET", "DATA_KEYSET_SECRET"}},
		"several faults": {
			append([]string{"SESSION_IDLE=0s", "TOKEN_ACCESS_TTL=0s", "PASSWORD_ITERATIONS=0", "KOS_PRODUCT_INQUIRY_PER_MINUTE=0"}, required...),
			[]string{"SESSION_IDLE", "TOKEN_ACCESS_TTL", "PASSWORD_ITERATIONS", "KOS_PRODUCT_INQUIRY_PER_MINUTE"},
		},
		"auto-login shorter": {
			append([]string{"SESSION_AUTO_LOGIN_IDLE=1m"}, required...),
			[]string{"SESSION_AUTO_LOGIN_IDLE"},
		},
		"zero rate": {
			append([]string{"THROTTLE_LOGIN=many"}, required...),
			[]string{"Login"},
		},
		"grace too long": {
			append([]string{"SESSION_ABSOLUTE=1m", "SESSION_REFRESH_GRACE=1h"}, required...),
			[]string{"SESSION_ABSOLUTE", "SESSION_REFRESH_GRACE"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load[app.Config](c.environ)
			if err == nil {
				t.Fatal("invalid configuration was accepted")
			}
			for _, variable := range c.want {
				if !strings.Contains(err.Error(), variable) {
					t.Errorf("%s is missing in: %v", variable, err)
				}
			}
		})
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	commands := app.Commands(nil)
	for _, name := range []string{"serve", "migrate", "reseal", "seed-demo", "create-admin"} {
		var errors bytes.Buffer
		if code := platform.Main([]string{name}, &errors, commands); code != 1 || !strings.Contains(errors.String(), "DB_NAME") {
			t.Errorf("%s without a configuration ended with %d: %s", name, code, errors.String())
		}
	}
	if code := platform.Main([]string{"dance"}, &bytes.Buffer{}, commands); code != 2 {
		t.Errorf("an unknown command ended with %d", code)
	}
}

// TestLifetimesReachTheDomain guards against swapped durations of the same type.
func TestLifetimesReachTheDomain(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load[app.Config](append([]string{
		"SESSION_IDLE=1m", "SESSION_AUTO_LOGIN_IDLE=2m", "TOKEN_ACCESS_TTL=3m", "TOKEN_REFRESH_TTL=4m",
		"SESSION_ABSOLUTE=5m", "SESSION_AUTO_LOGIN_ABSOLUTE=6m", "SESSION_REFRESH_GRACE=7s",
	}, required...))
	if err != nil {
		t.Fatal(err)
	}
	var got identity.Lifetimes
	if err := fx.New(app.Graph(cfg), fx.Populate(&got), fx.NopLogger).Err(); err != nil {
		t.Fatal(err)
	}
	want := identity.Lifetimes{
		Idle: time.Minute, AutoLoginIdle: 2 * time.Minute, Absolute: 5 * time.Minute, AutoLoginAbsolute: 6 * time.Minute,
		Refresh: 4 * time.Minute, Grace: 7 * time.Second,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
