package app

import (
	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
)

// Commands returns the commands of the binary, configured by environ.
func Commands(environ []string) map[string]platform.Command {
	return map[string]platform.Command{
		"serve":   platform.WithConfig(environ, func(cfg Config) platform.Command { return platform.Serve(Graph(cfg)) }),
		"migrate": platform.Migrate(environ, postgres.Migrations(), jobs.Migrate),
		"reseal":  platform.Reseal(environ, postgres.Sealed),
		"preload": platform.WithConfig(environ, preloadLines),
	}
}
