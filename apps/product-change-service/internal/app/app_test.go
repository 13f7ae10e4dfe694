package app_test

import (
	"slices"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/app"
)

var environment = []string{
	"DB_NAME=product_change", "DB_USER=product_change", "DB_PASSWORD_SECRET=database-password-product-change",
	"KOS_CREDENTIALS_SECRET=kos-api-credentials-product-change", "DATA_KEYSET_SECRET=data-keyset-product-change",
}

func TestGraphIsComplete(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load[app.Config](environment)
	if err != nil {
		t.Fatal(err)
	}
	if err := fx.ValidateApp(app.Graph(cfg)); err != nil {
		t.Error(err)
	}
}

func TestConfigNamesInvalidSettings(t *testing.T) {
	t.Parallel()
	_, err := config.Load[app.Config](append(slices.Clone(environment), "CHANGE_WORKERS=0", "KOS_CHANGE_PER_MINUTE=0", "HTTP_MAX_BODY=0"))
	for _, name := range []string{"CHANGE_WORKERS", "KOS_*_PER_MINUTE", "HTTP_MAX_BODY"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}
