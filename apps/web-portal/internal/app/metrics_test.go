package app_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/metricstest"
	"github.com/phonebill/phonebill/apps/web-portal/internal/app"
)

func TestMetricsAreListed(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load[app.Config](nil)
	if err != nil {
		t.Fatal(err)
	}
	var registry *prometheus.Registry
	if err := fx.New(app.Graph(cfg), fx.Populate(&registry), fx.NopLogger).Err(); err != nil {
		t.Fatal(err)
	}
	metricstest.Check(t, registry, "../../metrics.json")
}
