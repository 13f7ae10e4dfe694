package app_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/app"
)

var environ = []string{"DB_NAME=kos_mock", "DB_USER=kos_mock", "DB_PASSWORD_SECRET=database-password-kos-mock"}

func TestGraphIsComplete(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load[app.Config](environ)
	if err != nil {
		t.Fatal(err)
	}
	if err := fx.ValidateApp(app.Graph(cfg)); err != nil {
		t.Error(err)
	}
}

func TestNamesHaveDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load[app.Config](environ)
	if err != nil {
		t.Fatal(err)
	}
	want := app.Names{SettingsSecret: "kos-mock-config", AuthAppID: "auth-service"}
	if diff := cmp.Diff(want, cfg.Names); diff != "" {
		t.Error(diff)
	}
}

func TestCommandsReportMissingVariables(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"serve", "migrate"} {
		var said bytes.Buffer
		if code := platform.Main([]string{command}, &said, app.Commands(nil)); code != 1 {
			t.Errorf("%s without a configuration ends with %d", command, code)
		}
		for _, variable := range []string{"DB_NAME", "DB_USER", "DB_PASSWORD_SECRET"} {
			if !strings.Contains(said.String(), variable) {
				t.Errorf("%s printed %q without %s", command, said.String(), variable)
			}
		}
	}
}
