// The bill inquiry service answers what a customer's phone bill is.
package main

import (
	"fmt"
	"os"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/app"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/platform"
)

func main() {
	cfg, err := config.Load[app.Config](os.Environ())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(platform.Main(os.Args[1:], os.Stderr, map[string]platform.Command{
		"serve":   platform.Serve(app.Graph(cfg)),
		"migrate": platform.Migrate(cfg.Database, cfg.Sidecar, postgres.Migrations()),
	}))
}
