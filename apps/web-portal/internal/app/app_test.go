package app_test

import (
	"testing"

	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/web-portal/internal/app"
)

func TestGraphIsComplete(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load[app.Config](nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := fx.ValidateApp(app.Graph(cfg)); err != nil {
		t.Error(err)
	}
}

func TestOriginIsChecked(t *testing.T) {
	t.Parallel()
	for origin, valid := range map[string]bool{
		"https://phonebill.example": true, "http://127.0.0.1:8080": true, "phonebill.example": false, "https://phonebill.example/": false, "ftp://x": false,
	} {
		if _, err := config.Load[app.Config]([]string{"PORTAL_ORIGIN=" + origin}); (err == nil) != valid {
			t.Errorf("%s: %v", origin, err)
		}
	}
}
