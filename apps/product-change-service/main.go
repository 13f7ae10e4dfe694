// The product change service shows customers their plan and changes it.
package main

import (
	"fmt"
	"os"

	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/app"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/queue"
)

func main() {
	cfg, err := config.Load[app.Config](os.Environ())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(platform.Main(os.Args[1:], os.Stderr, map[string]platform.Command{
		"serve":   platform.Serve(app.Graph(cfg)),
		"migrate": platform.Migrate(cfg.Database, cfg.Sidecar, postgres.Migrations(), queue.Migrate),
	}))
}
