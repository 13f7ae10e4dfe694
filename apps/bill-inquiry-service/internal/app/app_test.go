package app_test

import (
	"slices"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/app"
	"github.com/phonebill/phonebill/apps/internal/config"
)

var environment = []string{
	"DB_NAME=bill_inquiry", "DB_USER=bill_inquiry", "DB_PASSWORD_SECRET=database-password-bill-inquiry",
	"KOS_CREDENTIALS_SECRET=kos-api-credentials-bill-inquiry", "DATA_KEYSET_SECRET=data-keyset-bill-inquiry",
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

func TestConfigErrorNamesTheVariables(t *testing.T) {
	t.Parallel()
	_, err := config.Load[app.Config](append(slices.Clone(environment),
		"BILL_MONTHS=0", "HTTP_MAX_BODY=0", "KOS_BILL_INQUIRY_PER_MINUTE=0", "NIGHTLY_REFRESH_SHARE=2"))
	if err == nil {
		t.Fatal("it was accepted")
	}
	for _, wrong := range []string{"BILL_MONTHS", "HTTP_MAX_BODY", "KOS_*_PER_MINUTE", "NIGHTLY_REFRESH_SHARE"} {
		if !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s is not named in: %v", wrong, err)
		}
	}
}
